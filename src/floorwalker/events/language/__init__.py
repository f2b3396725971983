"""The one event language: which events there are, what each carries, and what a shop takes of them.

    definition("Completed Order").name            what a word means                       words.py, words/*.toml
    Fields(properties, sets).faults(value, "")    what is wrong with properties           fields.py
    event_schema(…), envelope_schema()            the same as JSON Schema                 json_schema.py
    read_plan(path), parse_plan(text)             policies/tracking.toml, checked         plan_file.py
    Plan.judge(event)                             take it, drop it, or set it aside       plan.py
    without(event, dropped)                       the event less what is not kept         paths.py
    check(items, plan)                            the same for whole files, in figures    check.py

Nothing here writes or keeps anything. What is said of an event never quotes its values: they may be somebody's.
"""
