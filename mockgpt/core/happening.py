"""Which faults of a reply happen on an occasion, and which of those that happen change anything."""

from collections import deque
from collections.abc import Sequence

from msgspec import UNSET

from mockgpt.core.faults import Fault
from mockgpt.core.injection import GENERATORS, Occasion
from mockgpt.core.plan import Plan, Step, singly


def faulty(plan: Plan, chosen: Sequence[Fault], occasion: Occasion, acted: set[int]) -> Plan:
    """Apply to a plan the faults that happen on this occasion, in the order written.

    While the plan is executed, the indices of those that changed anything of it become `acted`.
    """
    plan = singly(plan)
    for index, fault in enumerate(chosen):
        if _happens(fault, index, occasion):
            plan = _watched(plan, fault, occasion, index, acted)
    return plan


def _watched(plan: Plan, fault: Fault, occasion: Occasion, index: int, acted: set[int]) -> Plan:
    """Apply a fault. It has acted once it gives another step than the one it was given."""
    given: deque[Step] = deque()  # steps that have not come back yet

    def noted() -> Plan:
        for step in plan:
            if index not in acted:
                given.append(step)
            yield step

    for step in GENERATORS[type(fault)](noted(), fault, occasion):
        if index not in acted and not (given and step == given.popleft()):
            acted.add(index)
        yield step
    if given:
        acted.add(index)


def _happens(fault: Fault, index: int, occasion: Occasion) -> bool:
    """Tell whether the fault at that index of its list happens on an occasion."""
    return (
        fault.on_call in (UNSET, occasion.call)
        and fault.on_attempt in (UNSET, occasion.attempt)
        and (fault.chance == 1 or occasion.draw(f"chance {index}") < fault.chance)
    )
