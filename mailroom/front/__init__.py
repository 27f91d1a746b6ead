"""The front: gunicorn's processes, with an event loop that collects requests before a thread gets them.

A thread is given a whole request and gives back a whole answer. Whoever sends or reads slowly keeps
a place in the loop, of which there are many, and never a thread. How HTTP is read and written is
gunicorn's own code; the application sees what it sees under any of gunicorn's workers.

Reading order:
limits        how much, and how long: all figures
framing       where a request's body ends
storage       what waits, in memory and then on disk
collecting    where a request's head ends, and how much is kept of its body
crowd         everybody who waits, and who has to go when they are too many
connection    one client: its requests, the answers, and its time
answering     in a thread: a whole request to the application
worker        the process: accepts, looks after all once a second, stops
"""
