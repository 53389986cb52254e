"""The plaintext of a secret config value is shown nowhere, even if the program uses it as an ordinary one."""

from lab import Thing, pulumi, step

STEPS = [
    "config set --secret word hush-hush",
    "config set --secret --path in.a[0] deep-down",
    "config set --secret short no",
    "up",
    "text preview",
    "up",
]
SHOWS = ["secrets", "messages"]

config = pulumi.Config()
word, deep = config.require("word"), config.require_object("in")["a"][0]
print("printed", word, deep, config.require("short"))
pulumi.log.warn(f"logged {word}, which is no plain text")
Thing("a", word=word, inner={"words": [f"the {deep} one"]}, size=step)
pulumi.export("word", word)
if step > 5:
    raise RuntimeError(f"raised {word}")
