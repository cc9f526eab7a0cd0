"""Which catalogue is in force, for all instances that share the store. Nobody writes with another one."""

from __future__ import annotations

from chiso_shared.runtime.postgres import Pool

from chiso_indicators.store.sql import Session, queries


class AnotherCatalogue(Exception):
    """Another catalogue has come into force meanwhile. Nothing was written: do it again with that one."""


async def hold_catalogue(session: Session, version: str) -> None:
    """Keeps the catalogue in force until the transaction ends. Raises AnotherCatalogue if it is another one.

    Whoever writes what a catalogue says calls it first, behind the tick lock where it takes that too.
    """
    await session.execute(queries().share_reference)
    in_force = await session.fetchval(queries().reference_version)
    if in_force != version:
        raise AnotherCatalogue(f"the catalogue {in_force} is in force, not {version}")


async def version_in_force(pool: Pool) -> str | None:
    """The version of the catalogue in force; None before the first."""
    version: str | None = await pool.fetchval(queries().reference_version)
    return version


async def comes_into_force(session: Session, version: str, in_force: str | None, folder: str | None) -> bool:
    """Whether a catalogue replaces the one in force; remembers what `folder` holds. The reference is locked.

    One that is new does. One that was replaced does only if its folder held another one before: a person has
    changed the folder back. An instance that still has an old folder does not.
    """
    if folder is None:
        return version != in_force
    known = await session.fetchval(queries().is_known_catalogue, version)
    before = await session.fetchval(queries().put_seeds_folder, folder, version)
    return version != in_force and (not known or before not in (None, version))
