"""WebSub (https://www.w3.org/TR/websub/): pushing the page and feeds of the channels to who subscribed.

``asking`` decides what a request to the hub means; ``leases`` keeps who subscribed; ``courier`` brings news to one
place and tries again; ``hub`` is our own hub, over these three; ``herald`` tells other hubs.
"""
