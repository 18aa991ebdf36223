# SPDX-License-Identifier: GPL-3.0-or-later
"""Texts for people: sentences, and lines that fit."""
import re


def sentence(text):
    """With a capital letter; what begins with a name (an address, a path, a quotation) keeps its letters."""
    return text[:1].upper() + text[1:] if re.match(r"[a-z]+[,;:]?(\s|$)", text) else text


def wrap(text, width, measure):
    """
    Lines that are at most so wide. A word that is wider is broken.
    @param measure: function of the width of a text
    """
    lines = [""]
    for word in text.split():
        joined = f"{lines[-1]} {word}" if lines[-1] else word
        if measure(joined) <= width:
            lines[-1] = joined
            continue
        if lines[-1]:
            lines.append("")
        for letter in word:
            if lines[-1] and measure(lines[-1] + letter) > width:
                lines.append("")
            lines[-1] += letter
    return lines
