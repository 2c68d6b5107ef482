"""The runner itself: it must not call passed what did not pass."""

import contextlib
import io
import unittest
from unittest import mock

from duolog_server import DuologTest

import features
import matrix
import results
import run
import suites

GROUP = features.BY_NAME["group"]
PRODUCE = features.BY_NAME["produce"]
GZIP = features.BY_NAME["codec-gzip"]
NOT_SERVED = features.Feature("later", "later", (9999,), 1)


def suite_of(*wanted, limit_s=30):
    return suites.Suite("test", "test", "test", lambda: [], features=list(wanted), limit_s=limit_s)


def saying(script):
    return ["/bin/sh", "-c", script, "client"]


class RunTest(DuologTest):

    def run_suite(self, suite, script):
        outcomes, self.output = run.run(suite, saying(script), self.serve())
        return {name: outcome for name, (outcome, _) in outcomes.items()}

    def test_what_the_client_says_passed_and_failed(self):
        said = self.run_suite(suite_of(PRODUCE, GZIP), """
            echo feature produce passed; echo feature codec-gzip failed because""")
        self.assertEqual(said, {"produce": "passed", "codec-gzip": "failed"})

    def test_a_feature_without_a_word_has_failed(self):
        self.assertEqual(self.run_suite(suite_of(PRODUCE), "exit 0"), {"produce": "failed"})

    def test_a_feature_whose_api_is_not_served_is_not_asked_for_whatever_the_client_says(self):
        said = self.run_suite(suite_of(PRODUCE, NOT_SERVED), """
            echo feature produce passed; echo feature later passed; echo "asked for $*" """)
        self.assertEqual(said, {"produce": "passed", "later": "not served"})
        self.assertRegex(self.output, r"asked for \S+ produce\n")

    def test_a_client_that_hangs_is_ended_with_its_children_and_has_failed(self):
        said = self.run_suite(suite_of(PRODUCE, limit_s=1), "sleep 1000 & wait")
        self.assertEqual(said, {"produce": "failed"})

    def test_records_that_are_not_compressed_are_not_what_a_codec_feature_wants(self):
        said = self.run_suite(suite_of(GZIP), """
            echo x | kcat -P -b $1 -t codec-gzip; echo feature codec-gzip passed""")
        self.assertEqual(said, {"codec-gzip": "failed"})

    def test_what_the_kept_results_call_passed_must_not_be_lost(self):
        outcomes = {"group": ("not served", "")}
        for kept, good in (({"group": "passed"}, False), ({"group": "not served"}, True)):
            with mock.patch.object(results, "kept", lambda kept=kept: {"test": kept}), \
                    contextlib.redirect_stdout(io.StringIO()):
                self.assertEqual(run.report(suite_of(GROUP), outcomes, ""), good)


class MatrixTest(unittest.TestCase):

    def test_the_readme_has_the_table_that_the_kept_results_give(self):
        text = matrix.read(matrix.README)
        self.assertEqual(text, matrix.with_table(text, results.kept()))

    def test_another_outcome_gives_another_table(self):
        kept = results.kept()
        other = {**kept, "kcat": {**kept["kcat"], "produce": "failed"}}
        self.assertNotEqual(matrix.table(kept), matrix.table(other))

    def test_every_suite_has_an_outcome_for_each_of_its_features(self):
        for suite in suites.SUITES:
            self.assertEqual(list(results.kept()[suite.name]), [f.name for f in suite.features])


if __name__ == "__main__":
    unittest.main()
