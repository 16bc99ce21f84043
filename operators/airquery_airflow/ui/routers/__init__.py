"""The pages, a module for each; `app` includes the router of every one."""
