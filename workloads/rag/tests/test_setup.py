# SPDX-License-Identifier: GPL-2.0-only
"""The parts of setup.py that fetch nothing."""

import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

import setup

STORE = {
    "chunks": 10000,
    "longest_chunk": 500,
    "text": ["linux-doc-6.12 6.12.1", "python3.11-doc 3.11.2"],
    "embedding": {"kind": "static", "model": "all-MiniLM-L6-v2", "dimensions": 384},
    "index": {"kind": "hnsw", "space": "cosine", "ef_search": 100, "max_neighbors": 16},
    "chroma": "1.5.9",
}
"""As make/store.py writes it."""


class Setup(unittest.TestCase):
    """Folders, names and words."""

    def setUp(self) -> None:
        """A folder for each test."""
        place = tempfile.TemporaryDirectory()
        self.addCleanup(place.cleanup)
        self.folder = Path(place.name)

    def tree(self, files: list[str]) -> None:
        """Makes empty files."""
        for file in files:
            path = self.folder / file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()

    def there(self, files: list[str], folder: Path) -> list[bool]:
        """Which files there are."""
        return [(folder / file).exists() for file in files]

    def test_a_folder_is_made_again_when_its_inputs_change(self) -> None:
        """And not otherwise."""
        made = []

        def build(inputs: str) -> None:
            def make(fresh: Path) -> None:
                made.append(inputs)
                (fresh / inputs).touch()

            folder = setup.made(self.folder, "x", inputs, make)
            self.assertTrue((folder / inputs).is_file())

        for inputs in ("one", "one", "two"):
            build(inputs)
        self.assertEqual(made, ["one", "two"])
        self.assertFalse((self.folder / "x/one").exists())

    def test_what_could_not_be_made_is_not_there_and_is_tried_again(self) -> None:
        """Half of it is thrown away."""

        def fail(fresh: Path) -> None:
            (fresh / "half").touch()
            raise setup.Failure("no")

        with self.assertRaises(setup.Failure):
            setup.made(self.folder, "x", "one", fail)
        self.assertFalse((self.folder / "x").exists())
        folder = setup.made(self.folder, "x", "one", lambda fresh: None)
        self.assertEqual(list(folder.iterdir()), [])

    def test_packages_lose_their_tests_and_stubs_only(self) -> None:
        """Also those of packages within packages, and of tests within tests."""
        files = ["a/tests/t.py", "a/b/tests/tests/t.py", "a/x.pyi", "a/testing/t.py", "a/x.py"]
        self.tree(files)
        setup.trim(self.folder)
        self.assertEqual(self.there(files, self.folder), [False, False, False, True, True])

    def test_a_copy_has_what_links_point_to_and_not_what_is_left_out(self) -> None:
        """A link to nowhere is left out."""
        files = ["os.py", "json/a.py", "test/t.py", "json/__pycache__/a.pyc", "config-3/lib.a"]
        source, to = self.folder / "from", self.folder / "to"
        self.tree([f"from/{file}" for file in files])
        (source / "link.py").symlink_to("os.py")
        (source / "gone.py").symlink_to("nowhere")
        setup.copy(source, to)
        self.assertEqual(self.there(files, to), [True, True, False, False, False])
        self.assertTrue((to / "link.py").is_file() and not (to / "link.py").is_symlink())
        self.assertFalse((to / "gone.py").is_symlink())

    def test_the_newest_version_is_not_the_last_by_name(self) -> None:
        """Names without a version do not count."""
        names = ["linux-doc", "linux-doc-6.1", "linux-doc-6.12", "linux-doc-6.9", "linux-doc-x"]
        self.assertEqual(setup.newest(names, "linux-doc-", ""), "linux-doc-6.12")
        names = ["python3.9-doc", "python3.11-doc", "python3.12", "python3.11-minimal"]
        self.assertEqual(setup.newest(names, "python3.", "-doc"), "python3.11-doc")
        self.assertIsNone(setup.newest([], "python3.", "-doc"))

    def test_a_store_is_described_with_its_embedding_and_index(self) -> None:
        """As reports have it."""
        self.assertEqual(
            setup.words(STORE),
            "10000 chunks of at most 500 characters of linux-doc-6.12 6.12.1 and python3.11-doc "
            "3.11.2; static embedding (mean of the token embeddings of all-MiniLM-L6-v2, 384 "
            "dimensions); Chroma 1.5.9, hnsw by cosine, 16 neighbours, search width 100",
        )
        real = STORE | {"embedding": STORE["embedding"] | {"kind": "transformer"}}
        self.assertIn("embedding by all-MiniLM-L6-v2, 384 dimensions;", setup.words(real))

    def test_what_makes_a_store_is_there(self) -> None:
        """A file that is renamed must be renamed in the list, too."""
        self.assertTrue(setup.contents(setup.MAKERS))


if __name__ == "__main__":
    unittest.main()
