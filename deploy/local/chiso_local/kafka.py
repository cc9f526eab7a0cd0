"""A real Apache Kafka (one broker, KRaft) in a folder. Must not know topics or services."""

from __future__ import annotations

import asyncio
import base64
import os
import signal
import uuid
from importlib import resources
from pathlib import Path

from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaError

from chiso_local.child import ChildSpec, run_tool

STAGE = 1
JVM_OPTIONS = (
    "-Xms64m",
    "-Xmx256m",
    "-XX:+UseSerialGC",
    "-XX:+ExitOnOutOfMemoryError",
    "-XX:TieredStopAtLevel=1",  # half the CPU seconds of a start; the load of one machine needs no more
    "-Djava.awt.headless=true",
)


class KafkaServer:
    """One embedded broker: its folder, its ports, how to prepare and run it."""

    def __init__(
        self,
        folder: Path,
        port: int,
        controller_port: int,
        java: Path,
        classpath: str,
        log: Path,
        options: tuple[str, ...] = (),
    ) -> None:
        self._folder = folder
        self._port = port
        self._controller_port = controller_port
        self._java = java
        self._classpath = classpath
        self._log = log
        self._options = options

    @property
    def bootstrap_servers(self) -> str:
        """Where clients find it."""
        return f"127.0.0.1:{self._port}"

    async def prepare(self) -> None:
        """Write the configuration; format the data folder the first time (all or nothing)."""
        self._folder.mkdir(parents=True, exist_ok=True)
        logging = resources.files("chiso_local").joinpath("kafka_log4j2.xml").read_text("utf-8")
        (self._folder / "log4j2.xml").write_text(logging)
        (self._folder / "server.properties").write_text(self._properties(self._folder / "data"))
        if not (self._folder / "data").exists():
            await self._format()

    def spec(self) -> ChildSpec:
        """How to run it."""
        return ChildSpec(
            name="kafka",
            command=self._command("kafka.Kafka", str(self._folder / "server.properties")),
            log=self._log,
            stage=STAGE,
            environment=_environment(),
            stop_signal=signal.SIGTERM,
            stop_timeout_seconds=20,
        )

    async def _format(self) -> None:
        unfinished = self._folder / "data.new"
        configuration = self._folder / "format.properties"
        configuration.write_text(self._properties(unfinished))
        identity = base64.urlsafe_b64encode(uuid.uuid4().bytes).rstrip(b"=").decode().replace("-", "A")
        arguments = ("format", "--ignore-formatted", "-t", identity, "-c", str(configuration))
        command = self._command("kafka.tools.StorageTool", *arguments)
        await run_tool(command, "formatting Kafka's data folder", environment=_environment())
        unfinished.rename(self._folder / "data")
        configuration.unlink()

    def _command(self, main_class: str, *arguments: str) -> tuple[str, ...]:
        logging = f"-Dlog4j2.configurationFile={self._folder / 'log4j2.xml'}"
        jvm = (str(self._java), *JVM_OPTIONS, *self._options, logging, "-cp", self._classpath)
        return (*jvm, main_class, *arguments)

    def _properties(self, data: Path) -> str:
        template = resources.files("chiso_local").joinpath("kafka_server.properties").read_text("utf-8")
        return (
            template.replace("@PORT@", str(self._port))
            .replace("@CONTROLLER_PORT@", str(self._controller_port))
            .replace("@DATA@", _escaped(data))
        )


def _environment() -> dict[str, str]:
    return {**os.environ, "LC_ALL": "C.UTF-8"}  # Java reads the letters of a path by its locale


def _escaped(path: Path) -> str:
    """As Java's properties files want it: Latin letters only, the backslash doubled."""
    text = str(path).replace("\\", "\\\\").encode("utf-16-be")
    units = (int.from_bytes(text[start : start + 2], "big") for start in range(0, len(text), 2))
    return "".join(chr(unit) if unit < 128 else f"\\u{unit:04x}" for unit in units)


async def problem(bootstrap_servers: str) -> str | None:
    """Why no broker answers a metadata request there; None when one does."""
    host, _, port = bootstrap_servers.split(",")[0].strip().rpartition(":")
    try:  # a plain connection first: aiokafka logs every refused one
        _, writer = await asyncio.open_connection(host.strip("[]"), int(port))
        writer.close()
    except (OSError, ValueError) as error:
        return str(error)
    client = AIOKafkaClient(bootstrap_servers=bootstrap_servers, request_timeout_ms=3000)
    try:
        await client.bootstrap()
    except (KafkaError, OSError) as error:
        return str(error)
    finally:
        await client.close()
    return None


async def count_brokers(bootstrap_servers: str) -> int:
    """How many brokers the cluster has."""
    client = AIOKafkaClient(bootstrap_servers=bootstrap_servers)
    await client.bootstrap()
    try:
        return len(client.cluster.brokers())
    finally:
        await client.close()
