"""Notes: GET /notes lists them, POST /notes adds the body as one more."""

import json
import socket
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from database import connect


class Notes(BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path != "/notes":
            return self.answer(404, {"error": "not here"})
        with connect() as database, database.cursor() as cursor:
            cursor.execute("SELECT id, text FROM notes ORDER BY id")
            notes = [{"id": number, "text": text} for number, text in cursor.fetchall()]
        self.answer(200, {"notes": notes})

    def do_POST(self):
        text = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        with connect() as database, database.cursor() as cursor:
            cursor.execute("INSERT INTO notes (text) VALUES (%s)", [text])
            self.answer(201, {"id": cursor.lastrowid})

    def answer(self, status, body):
        # Which replica answered shows how the proxy shares them out.
        text = json.dumps({**body, "from": socket.gethostname()}) + "\n"
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())


print("listening on port 8000")
ThreadingHTTPServer(("", 8000), Notes).serve_forever()
