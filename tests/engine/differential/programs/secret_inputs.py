"""A secret input is secret in the outputs and in what is made of it."""

from lab import Output, Thing, step

STEPS = ["up", "up", "up"]
SHOWS = ["secrets"]

a = Thing("a", word=Output.secret("hush") if step < 3 else "hush", map={"deep": Output.secret([1])})
Thing("b", of=Output.concat("the word is ", a.word if hasattr(a, "word") else Output.secret("x")))
