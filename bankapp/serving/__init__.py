"""How gunicorn's workers receive requests and send answers: no client makes a worker wait.

``gunicorn.conf.py`` names ``worker.BufferingWorker``; decision 0012 says why it exists.
"""
