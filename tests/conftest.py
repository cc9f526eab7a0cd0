"""The fixtures of tests/harness/README.md. Nothing is started before a test asks for it."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

import pytest

from tests.harness import Servers, System
from tests.harness.databases import Databases, Prepare
from tests.harness.servers import running_servers
from tests.harness.topics import create_topic, delete_topics, empty_contract_topics


def pytest_configure() -> None:
    """Where several files run at once, each process is given the width of a terminal that is not there."""
    os.environ.pop("COLUMNS", None)


NewSystem = Callable[..., System]
NewTopic = Callable[..., Awaitable[str]]
TemplateDatabase = Callable[[str, Prepare], Awaitable[Callable[[], Awaitable[str]]]]


@pytest.fixture(scope="session")
def servers() -> Iterator[Servers]:
    """The shared Kafka and PostgreSQL of this session."""
    with running_servers() as found:
        yield found


@pytest.fixture(scope="session")
def kafka(servers: Servers) -> str:
    """Bootstrap servers of the shared broker."""
    return servers.kafka


@pytest.fixture(scope="session")
def postgres(servers: Servers) -> str:
    """DSN of the shared server's database `chiso`."""
    return servers.postgres


@pytest.fixture(scope="session")
async def databases(postgres: str) -> AsyncIterator[Databases]:
    """Creates databases; all are dropped at the end of the session."""
    created = Databases(postgres)
    yield created
    await created.drop_all()


@pytest.fixture
async def database(databases: Databases) -> AsyncIterator[str]:
    """DSN of a new empty database."""
    dsn = await databases.create()
    yield dsn
    await databases.drop(dsn)


@pytest.fixture(scope="session")
def template_database(databases: Databases) -> TemplateDatabase:
    """Runs a preparation once and clones its result."""

    async def make(name: str, prepare: Prepare) -> Callable[[], Awaitable[str]]:
        template = await databases.template(name, prepare)

        async def clone() -> str:
            return await databases.create(template)

        return clone

    return make


@pytest.fixture
async def kafka_topic(kafka: str) -> AsyncIterator[NewTopic]:
    """Creates topics with new names; deleted after the test."""
    names: list[str] = []

    async def make(partitions: int = 1, **configs: str) -> str:
        name = await create_topic(kafka, partitions, configs)
        names.append(name)
        return name

    yield make
    await delete_topics(kafka, names)


@pytest.fixture
async def chiso_topics(kafka: str) -> str:
    """Every topic of the contract, empty; the value is the bootstrap servers."""
    await empty_contract_topics(kafka)
    return kafka


@pytest.fixture(scope="session")
def system() -> Iterator[System]:
    """A whole chiso that is READY, shared by the session: never stop it."""
    shared = System()
    try:
        shared.start()
        yield shared
    finally:
        shared.destroy()


@pytest.fixture
def new_system() -> Iterator[NewSystem]:
    """Makes systems that are not started yet; stopped and removed after the test."""
    made: list[System] = []

    def make(**environment: str) -> System:
        made.append(System(None, **environment))
        return made[-1]

    yield make
    for one in made:
        one.destroy()
