"""A driver with `pulumi.automation`: stacks, config, previews, updates, events, outputs, history, removal."""

from lab import Output, Thing, pulumi

STEPS = ["salt local", "python driver.py"]
SHOWS = ["the Automation API"]

if __name__ == "__main__":
    Thing("a", size=pulumi.Config().get_int("size"))
    pulumi.export("word", Output.secret("hush"))
    pulumi.export("open", 1)
