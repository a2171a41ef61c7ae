"""The socket of the board and of the witness."""

import socket

from checkweigh.listening import listening


def test_no_answer_waits_until_its_beginning_is_acknowledged():
    with listening("127.0.0.1", 0) as at, socket.create_connection(at.getsockname()):
        connection, _ = at.accept()
        with connection:
            assert connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
