"""What blocks ask for (``execution.effects``), carried out on rows in the transaction of the run's checkpoint.

Calls to other systems are not here: they are rows that ``scheduler.io`` sends later.
"""
