"""Counts its visitors in the Redis that is linked as `redis`, and keeps the last in /srv/uploads."""

import socket
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path


def redis(command):
    with socket.create_connection(("redis", 6379)) as server:
        server.sendall(command.encode() + b"\r\n")
        return server.recv(1024).decode().strip().lstrip(":+")


class Page(BaseHTTPRequestHandler):
    def do_GET(self):
        text = f"Hello, visitor {redis('INCR visitors')}\n"
        Path("/srv/uploads/last.txt").write_text(text)
        self.send_response(200)
        self.end_headers()
        self.wfile.write(text.encode())


# A link is there from the start, or this ends.
print("redis says", redis("PING"))
HTTPServer(("", 80), Page).serve_forever()
