"""aiofiles: files by way of the loop's executor."""

import asyncio

import pytest

aiofiles = pytest.importorskip("aiofiles", reason="aiofiles is not installed: make ecosystem")
aiofiles_os = pytest.importorskip("aiofiles.os")


def test_writing_and_reading(run, tmp_path):
    async def case():
        path = tmp_path / "file"
        async with aiofiles.open(path, "w") as file:
            await file.writelines(f"{number}\n" for number in range(1000))
        async with aiofiles.open(path) as file:
            assert [int(line) async for line in file] == list(range(1000))
        async with aiofiles.open(path, "r+b") as file:
            await file.seek(0, 2)
            assert await file.tell() == await aiofiles_os.path.getsize(path)
            await file.write(b"end")
            await file.seek(-7, 1)
            assert await file.read() == b"999\nend"
        with pytest.raises(FileNotFoundError):
            await aiofiles_os.stat(tmp_path / "none")

    run(case())


def test_many_files_at_once(run, tmp_path):
    async def one(number):
        async with aiofiles.open(tmp_path / str(number), "wb") as file:
            await file.write(bytes([number]) * 10_000)
        async with aiofiles.open(tmp_path / str(number), "rb") as file:
            return await file.read() == bytes([number]) * 10_000

    async def case():
        assert all(await asyncio.gather(*map(one, range(100))))
        assert len(await aiofiles_os.listdir(tmp_path)) == 100

    run(case())


def test_temporary_files(run):
    tempfile = pytest.importorskip("aiofiles.tempfile")

    async def case():
        async with tempfile.TemporaryDirectory() as folder:
            assert await aiofiles_os.path.isdir(folder)
        assert not await aiofiles_os.path.exists(folder)

    run(case())
