"""The io process: sends external effects, follows the fleet's orders, and runs the periodic services. No block code.

``main.run(boot_id)`` is the process's body. ``calls`` sends effects (rows: ``effects``, decisions: ``verdict``),
``following`` polls the orders (rows: ``scheduler.fleet.orders``), ``services`` is the register of periodic work.
"""
