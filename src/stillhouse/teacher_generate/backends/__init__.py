"""One module a backend, each with `open_teacher`; `teachers.registry` imports them when asked."""
