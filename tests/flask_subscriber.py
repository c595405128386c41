"""A subscriber that is not ours (Flask-WebSub), run as a program: ``flask_subscriber.py URL FOLDER``.

It discovers hub and topic at URL, subscribes, and writes what happens as JSON lines; ``unsubscribe`` on standard input
ends it.
"""

import json
import sys
import threading

from flask import Flask
from flask_websub.subscriber import SQLite3SubscriberStorage, SQLite3TempSubscriberStorage, Subscriber, discover
from werkzeug.serving import make_server


def say(event, **facts):
    print(json.dumps({"event": event, **facts}), flush=True)


def main(url, folder):
    app = Flask(__name__)
    subscriber = Subscriber(
        SQLite3SubscriberStorage(f"{folder}/subscriptions.db"), SQLite3TempSubscriberStorage(f"{folder}/requests.db")
    )
    app.register_blueprint(subscriber.build_blueprint("/callbacks"))
    server = make_server("127.0.0.1", 0, app, threaded=True)
    app.config["SERVER_NAME"] = f"127.0.0.1:{server.server_port}"
    # Flask-WebSub calls listeners only with content whose signature is right.
    subscriber.add_listener(lambda topic, _callback, body: say("content", topic=topic, body=body.decode()))
    subscriber.add_success_handler(lambda topic, _callback, mode: say(mode, topic=topic))
    subscriber.add_error_handler(lambda topic, _callback, reason: say("denied", topic=topic, reason=reason))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with app.app_context():
        found = discover(url)
        say("discovered", **found)
        callback = subscriber.subscribe(**found)
        sys.stdin.readline()
        subscriber.unsubscribe(callback)
        sys.stdin.readline()


if __name__ == "__main__":
    main(*sys.argv[1:])
