"""The pages of airquery in Airflow's own UI, made by the API server without any script.

`plugin` is what every Airflow process loads, and it is light. All else is loaded in the API server
with the first page that somebody opens.
"""
