"""The HTTP service: profiles and decisions in milliseconds, behind scoped keys.

serve(project)                 granian workers on a port          service.py
create_app(project)            the ASGI application               service.py
ENDPOINTS                      every route with its scope         routes.py
"""
