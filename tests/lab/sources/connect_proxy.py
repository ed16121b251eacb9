"""An HTTP proxy that gives tunnels (`connect_proxy.py LOG`): each request's first line goes to the log."""

import socket
import sys
import threading

PORT = 3128


def pump(source: socket.socket, target: socket.socket) -> None:
    try:
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        pass  # the other direction has ended


def serve(client: socket.socket, log: str) -> None:
    head = b""
    while b"\r\n\r\n" not in head:
        head += client.recv(4096)
    line = head.decode("latin-1").split("\r\n")[0]
    with open(log, "a") as file:
        file.write(line + "\n")
    method, target, _ = line.split(" ")
    if method != "CONNECT":
        client.sendall(b"HTTP/1.1 405 Method Not Allowed\r\nContent-Length: 0\r\n\r\n")
        return
    host, _, port = target.rpartition(":")
    server = socket.create_connection((host.strip("[]"), int(port)))
    client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
    threading.Thread(target=pump, args=(client, server), daemon=True).start()
    pump(server, client)


def main(log: str) -> None:
    listener = socket.create_server(("::", PORT), family=socket.AF_INET6, dualstack_ipv6=True)
    print("ready", flush=True)
    while True:
        client, _ = listener.accept()
        threading.Thread(target=serve, args=(client, log), daemon=True).start()


if __name__ == "__main__":
    main(sys.argv[1])
