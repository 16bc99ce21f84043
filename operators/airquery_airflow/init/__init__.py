"""`airquery init`: a pipeline of one's own, made of files that one goes on with."""
