"""Asks the agent which keys it has, and prints its answer."""
import os
import socket
import struct

LIST = struct.pack(">IB", 1, 11)

where = os.environ.get("SSH_AUTH_SOCK")
print("agent:", where)
if where and os.path.exists(where):
    agent = socket.socket(socket.AF_UNIX)
    agent.connect(where)
    agent.sendall(LIST)
    (size,) = struct.unpack(">I", agent.recv(4, socket.MSG_WAITALL))
    print(agent.recv(size, socket.MSG_WAITALL).hex())
