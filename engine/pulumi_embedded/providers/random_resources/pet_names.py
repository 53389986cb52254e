"""Names for `RandomPet`: adverbs, an adjective and an animal, from other lists than the plugin's."""

from __future__ import annotations

import secrets
from typing import Final


def _words(text: str) -> list[str]:
    return text.split()


_ADJECTIVES: Final = _words(
    """
acrobatic airborne alpine amiable ample antique arctic artistic atomic auburn autumnal azure balmy bashful beaming
blithe bold bookish botanical bouncing brainy brave breezy bright brisk bronze bubbly burly buttery calm candid
careful cautious chatty cheerful chilly chirpy citric classy clever cloudy coastal cobalt colorful comfy cordial
cosmic cozy crafty crimson crisp cryptic curious dainty dapper daring dashing dazzling deft delicate desert dewy
dimpled dizzy docile dreamy dusky eager earthy eastern elated elegant emerald epic fabled faithful fancy fearless
feathery festive fiery floral fluffy foggy forest frank friendly frosty frugal fuzzy gallant gentle giddy gilded glad
gleaming glossy golden graceful grassy grateful groovy hazel hearty helpful honest hopeful hungry icy idyllic indigo
island ivory jaunty jazzy jolly jovial keen kindly lanky laughing lavish leafy leaping lilac limber lively loyal lucid
lucky lunar magnetic marbled marine mellow merry mighty minty misty modest mossy musical nautical neat nifty nimble
nocturnal northern nutty ochre olive orbital patient peachy pearly peppy perky placid playful plucky plush polar
polite prairie prickly proud punctual purple quaint quick quiet quirky radiant rainy rambling restful rosy royal ruby
rugged russet rustic sandy sapphire scarlet scenic serene shaggy shiny silken silver sleek sleepy smiling snowy snug
solar southern sparkling speckled spicy spry stately stellar stormy striped sturdy sunny swift teal tender thankful
thrifty tidal tidy timid topaz tranquil tropical trusty twinkling upbeat urbane valiant velvet verdant vibrant violet
vivid wandering warm wavy western whimsical windy wintry witty woodland woolly zany zealous zesty
"""
)

_ANIMALS: Final = _words(
    """
albatross alligator alpaca angelfish anteater antelope armadillo axolotl badger barracuda beaver beetle beluga bison
bluebird bobcat bonobo budgie buffalo bumblebee bunting butterfly buzzard camel canary capybara caracal cardinal
caribou cassowary chameleon cheetah chickadee chinchilla chipmunk clownfish cockatiel cockatoo condor cormorant cougar
coyote crane cricket crocodile curlew cuttlefish deer dingo dolphin donkey dormouse dragonfly duckling dugong dunlin
eagle echidna eel egret elephant ermine falcon fennec ferret finch firefly flamingo fox gannet gazelle gecko gerbil
gibbon giraffe gnu goat goldfinch goose gopher gorilla goshawk grasshopper grebe greyhound grouse guanaco guppy
hamster hare harrier hedgehog heron hippo hornbill hummingbird hyrax ibex ibis iguana impala jackdaw jaguar jay
jellyfish jerboa kangaroo kestrel kingfisher kinkajou kite kiwi koala kookaburra kudu ladybug lapwing lark lemming
lemur leopard linnet llama lobster loris lynx macaw magpie mallard manatee mandrill manta mantis marlin marmot marten
meerkat mole mongoose moose mouse muskox narwhal newt nightingale numbat nuthatch ocelot octopus okapi opossum
orangutan orca oriole oryx osprey ostrich otter owl oyster panda pangolin panther parrot partridge peacock pelican
penguin petrel pheasant pigeon pika platypus plover polecat pony porcupine porpoise puffin puma python quail quokka
rabbit raccoon raven redstart reindeer rhino roadrunner robin rook salamander salmon sandpiper seahorse seal serval
shearwater shrew shrimp skunk skylark sloth snail sparrow spoonbill squid squirrel starfish starling stingray stoat
stork swallow swan swift tamarin tanager tapir tern terrapin thrush tiger toad tortoise toucan trout turtle viscacha
vole wagtail wallaby walrus warbler waxwing weasel whale wigeon wolf wolverine wombat woodpecker wren yak zebra
"""
)

_ADVERBS: Final = _words(
    """
amply ardently avidly boldly bravely brightly briskly calmly candidly carefully cheerfully clearly cleverly closely
cordially crisply curiously daintily daringly deeply deftly dreamily eagerly earnestly elegantly faithfully fondly
freely gallantly gently gladly gleefully gracefully grandly happily heartily honestly hopefully jovially keenly kindly
lightly lively loyally lucidly merrily mildly neatly nicely nimbly notably openly patiently playfully politely
promptly proudly purely quickly quietly readily richly safely serenely sharply sincerely smoothly softly soundly
steadily sweetly swiftly tenderly thankfully tidily truly usefully vastly vividly warmly wholly widely wildly wisely
wittily
"""
)


def pet_name(words: int, separator: str) -> str:
    """A name of `words` words: an animal, preceded by an adjective, preceded by adverbs."""
    name = [secrets.choice(_ANIMALS)]
    if words > 1:
        name.insert(0, secrets.choice(_ADJECTIVES))
    return separator.join([secrets.choice(_ADVERBS) for _ in range(words - 2)] + name)
