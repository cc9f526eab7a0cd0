"""The rule book in force, and what replaces it when the seeds change. A wrong file replaces nothing."""

from __future__ import annotations

from chiso_shared.runtime.seeds import CatalogueGauges, SeedsFolder

from chiso_alerts.core.rulebook import RuleBook


class Books:
    """Holds the book that rules now. Whoever works takes it once and keeps it for the whole batch."""

    def __init__(self, seeds: SeedsFolder, gauges: CatalogueGauges) -> None:
        self._seeds = seeds
        self._gauges = gauges
        self.current = RuleBook.of(seeds.current)
        gauges.in_force(seeds.current.version)

    async def look(self) -> bool:
        """Looks at the seeds again; whether another book is in force now."""
        if not await self._seeds.look():
            return False
        self.current = RuleBook.of(self._seeds.current)
        self._gauges.in_force(self._seeds.current.version)
        return True
