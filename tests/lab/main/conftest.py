"""Faults are built by the asan preset alone; against another build their tests do not exist."""


def pytest_collection_modifyitems(config, items):
    faults = [item for item in items if item.path.name == "test_faults.py"]
    program = config.lab_bin_dir() / "session-manager"
    if faults and not (program.exists() and b"HEADWATER_FAULT" in program.read_bytes()):
        items[:] = [item for item in items if item not in faults]
        config.hook.pytest_deselected(items=faults)
