"""An export refreshes what it made and takes nothing else away."""

from __future__ import annotations

import json

import pytest

from floorwalker.engines.exporting import MANIFEST, write_export, yaml_text
from floorwalker.errors import StateError


def test_an_export_is_refreshed_and_other_files_stay(tmp_path):
    out = tmp_path / "out"
    write_export(out, "export dbt", {"a.sql": "1", "deep/er/b.sql": "2"}, {"version": "x"})
    (out / "mine.txt").write_text("mine")
    write_export(out, "export dbt", {"a.sql": "3"}, {"version": "y"})
    assert sorted(path.name for path in out.iterdir()) == ["a.sql", MANIFEST, "mine.txt"]
    assert (out / "a.sql").read_text() == "3"
    assert json.loads((out / MANIFEST).read_text())["version"] == "y"


@pytest.mark.parametrize("name", ["a.sql", "new.sql"])
def test_what_a_person_changed_or_put_there_is_not_written_over(tmp_path, name):
    write_export(tmp_path, "export dbt", {"a.sql": "1"}, {})
    (tmp_path / name).write_text("by hand")
    files = {"a.sql": "2", "new.sql": "2"}
    with pytest.raises(StateError, match=name):
        write_export(tmp_path, "export dbt", files, {})
    assert (tmp_path / name).read_text() == "by hand"
    write_export(tmp_path, "export dbt", files, {}, force=True)
    assert (tmp_path / name).read_text() == "2"


def test_a_folder_of_somebody_else_is_refused_and_kept(tmp_path):
    (tmp_path / "thesis.doc").write_text("years")
    with pytest.raises(StateError, match="is not empty"):
        write_export(tmp_path, "export sql", {"a.sql": "1"}, {})
    assert not (tmp_path / "a.sql").exists()
    write_export(tmp_path, "export sql", {"a.sql": "1"}, {}, force=True)
    assert (tmp_path / "thesis.doc").read_text() == "years"


def test_an_export_of_another_kind_is_somebody_elses(tmp_path):
    write_export(tmp_path, "export sql", {"a.sql": "1"}, {})
    with pytest.raises(StateError, match="not empty"):
        write_export(tmp_path, "export dbt", {"a.sql": "1"}, {})
    (tmp_path / "file").write_text("")
    with pytest.raises(StateError, match="is not a folder"):
        write_export(tmp_path / "file", "export dbt", {}, {})


def test_a_list_that_leads_out_of_the_folder_removes_nothing(tmp_path):
    outside = tmp_path / "precious"
    outside.write_text("kept")
    out = tmp_path / "out"
    write_export(out, "export sql", {"a.sql": "1"}, {})
    listed = json.loads((out / MANIFEST).read_text())
    listed["files"] |= {"../precious": "x", str(outside): "x"}
    (out / MANIFEST).write_text(json.dumps(listed))
    write_export(out, "export sql", {"a.sql": "2"}, {}, force=True)
    assert outside.read_text() == "kept"


def test_yaml_is_read_as_it_was_meant():
    yaml = pytest.importorskip("yaml")
    document = {
        "a": {"b": [], "c": {}, "d": None, "e": True, "f": 'no: "yes" # {x} é\n- next'},
        "list": [{"name": "one", "inner": [{"k": ["v", 2]}]}, "yes", "2026-01-01"],
    }
    assert yaml.safe_load(yaml_text(document)) == document
