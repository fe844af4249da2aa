"""What pages do for a phone, and signs that have to look like what they are."""

import re

import numpy as np
import pytest

from replication.judging.verdicts import Each, Measured
from replication.report.pages import framed, mathml, stacked, to_html
from replication.report.text import penalty_name
from replication.site.pages import code
from replication.site.strips import strips


def table(*rows):
    return to_html("\n".join(f"| {' | '.join(row)} |" for row in (rows[0], ["---"] * len(rows[0]), *rows[1:])))


def labels(html):
    return re.findall(r'data-label="(.*?)"><div>(.*?)</div>', html)


def test_the_cells_of_a_wide_table_of_words_are_labelled_by_their_columns():
    made = table(
        ["quantity", "head", "λ_2"], ["memory allocated after a step", "SPARCS", "a remark of many more words"]
    )
    assert "data-label" not in made  # its words break, so it fits
    names = ["accuracy", "parameters", "interval", "differences", "remark"]
    made = table(names, ["0.5", "**1,000**", "", "0.1", "x"])
    assert labels(made) == [("accuracy", "0.5"), ("parameters", "<strong>1,000</strong>"), ("interval", ""),
                            ("differences", "0.1"), ("remark", "x")]  # fmt: skip
    made_too = table(["", *names[1:]], ["0.5", "1,000", "", "0.1", "what a remark says at such a length"])
    assert labels(made_too)[:2] == [("", "0.5"), ("parameters", "1,000")]  # a column without a heading
    assert made.count("data-label") == 5 and "<th>accuracy</th>" in made


def test_numbers_in_many_columns_stay_a_table():
    names = ["accuracy", "parameters", "interval", "differences", "neurons", "layers"]
    many = [["1"] * 6] * 9
    assert "data-label" not in table(names, *many)
    assert "data-label" in table(names, *many[:8])  # few rows are read one by one
    assert "data-label" in table(names, *many, ["1"] * 5 + ["what a remark says at such a length"])


def test_a_figure_opens_in_the_gallery_where_its_caption_links_there():
    caption = '<p><a href="../site/figures.html#fig07">Figure 7.</a></p>'
    made = framed(f'<img alt="one">{caption}<img alt="two"><p>Nothing to draw.</p>')
    assert '<a class="picture" href="../site/figures.html#fig07"><img alt="one"></a>' in made
    assert '<span class="picture"><img alt="two"></span>' in made and made.endswith("<p>Nothing to draw.</p>")


def test_a_number_and_its_sign_stay_on_a_line():
    made = to_html("95 % of n = 3, λ_3 = −1, R² ≥ 0.98, A = ΦΛ; the loss is = 1")
    assert made.replace("\N{NO-BREAK SPACE}", "_") == (
        "<p>95_% of n_=_3, λ<sub>3</sub>_=_−1, R²_≥_0.98, A = ΦΛ; the loss is_=_1</p>\n"
    )


def test_rows_with_attributes_and_no_rows():
    head = "<thead><tr>" + "".join(f'<th scope="col">{name * 3}</th>' for name in ("Scale", "Commit", "Day")) + "</tr>"
    body = '<tbody><tr><th scope="row">a</th><td class="day">2026</td><td><code>verylongcommitname</code></td></tr>'
    made = stacked(f"{head}</thead>{body}</tbody>")
    assert '<td class="day" data-label="CommitCommitCommit"><div>2026</div></td>' in made
    assert stacked("<tr><td>1</td></tr>") == "<tr><td>1</td></tr>"


def test_norms_and_definitions_in_formulas():
    assert mathml(r"\lVert \lambda \rVert_2").count("stretchy") == 2  # both bars are of one pair
    assert "<mo>:&#x0003D;</mo>" in mathml(r"\lambda_2 := 0")


def test_an_index_of_three_letters():
    assert to_html("Γ_ijk = W_ij, W_name").strip() == "<p>Γ<sub>ijk</sub> = W<sub>ij</sub>, W_name</p>"
    assert to_html("W_(j+1),k ∝ φ_j").strip() == "<p>W<sub>j+1,k</sub> ∝ φ<sub>j</sub></p>"


def test_code_in_a_text_of_its_own():
    assert code("a second `dvc repro` <skips>") == "a second <code>dvc repro</code> &lt;skips&gt;"


@pytest.mark.parametrize(("kind", "name"), [("l2_squared", "squared L2"), ("rows", "rows")])
def test_kinds_of_penalty_have_names(kind, name):
    assert penalty_name(kind) == name


def test_no_two_ticks_read_alike():
    values = np.array([1e-16, 1e-15, 1e-12])
    [strip] = strips(Measured("", "error", (1e-12, 1e-12, 1e-12), 3, (0, 1e-6), each=Each(values, "one case")))
    texts = [text for _, text in strip.ticks]
    assert len(set(texts)) == len(texts) and "0" not in texts and strip.dot == "one case"
