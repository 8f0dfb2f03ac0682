"""What the processes say to each other: typed messages, their frames, and clients for Unix sockets.

`opening` is proxy and vault, `tickets` is console and vault, `feed` is proxy and console.
Nothing in here knows what a message is for; vault, console and proxy each act on their own side of it.
"""
