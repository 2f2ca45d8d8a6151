"""Word tables: opposites, irregular verbs, nouns. Each line of a table is one field of meaning.

A wrong answer is drawn from another field of the same part of speech, so that it is neither a second opposite nor a
synonym of the right one.
"""

from __future__ import annotations

# word/opposite, one field of meaning a line.
ADJECTIVES = """
hot/cold boiling/freezing warm/cool
big/small large/little huge/tiny giant/dwarf enormous/minute
tall/short long/brief high/low deep/shallow wide/narrow thick/thin broad/slim near/far
fast/slow quick/sluggish early/late sudden/gradual rapid/leisurely
old/young new/used ancient/modern fresh/stale recent/distant
happy/sad cheerful/gloomy glad/sorry pleased/annoyed joyful/miserable
good/bad better/worse best/worst superior/inferior excellent/terrible positive/negative
strong/weak tough/tender sturdy/fragile powerful/helpless
rich/poor wealthy/needy cheap/expensive costly/free profitable/unprofitable
hard/soft rough/smooth sharp/blunt rigid/flexible solid/liquid stiff/loose
light/heavy bright/dark pale/vivid shiny/dull
full/empty crowded/deserted packed/vacant occupied/unoccupied
wet/dry moist/arid damp/parched
loud/quiet noisy/silent audible/inaudible
clean/dirty pure/impure tidy/messy neat/sloppy spotless/filthy
sweet/sour delicious/disgusting ripe/unripe raw/cooked spicy/mild
open/closed public/private visible/hidden obvious/obscure clear/vague
true/false right/wrong correct/incorrect accurate/inaccurate real/fake genuine/artificial
safe/dangerous harmless/harmful secure/insecure
brave/cowardly bold/timid confident/shy
kind/cruel friendly/hostile polite/rude gentle/harsh generous/selfish
honest/dishonest loyal/disloyal faithful/unfaithful guilty/innocent
smart/stupid clever/foolish wise/unwise educated/ignorant
easy/difficult simple/complex possible/impossible
alive/dead healthy/sick awake/asleep fertile/barren
beautiful/ugly attractive/repulsive elegant/clumsy
calm/nervous relaxed/tense patient/impatient peaceful/violent
proud/humble arrogant/modest
lazy/diligent busy/idle active/passive energetic/tired
fat/lean plump/skinny
straight/crooked flat/bumpy vertical/horizontal round/square parallel/perpendicular
single/married male/female
rare/common usual/unusual normal/abnormal familiar/strange typical/atypical
legal/illegal lawful/unlawful
permanent/temporary eternal/momentary constant/variable
major/minor important/trivial essential/unnecessary
domestic/foreign local/global urban/rural native/alien
careful/careless cautious/reckless gullible/skeptical
interesting/boring exciting/tedious
absent/present available/unavailable
equal/unequal similar/different identical/distinct
even/odd
optimistic/pessimistic hopeful/hopeless
inner/outer internal/external upper/lower
first/last previous/next initial/final
maximum/minimum
northern/southern eastern/western
"""

VERBS = """
buy/sell lend/borrow earn/spend save/waste pay/owe
love/hate like/dislike admire/despise praise/blame
give/take send/receive offer/refuse
open/close lock/unlock cover/uncover hide/reveal
start/stop begin/end continue/quit
win/lose succeed/fail
push/pull throw/catch lift/drop raise/lower
ask/answer speak/listen shout/whisper
come/go arrive/leave enter/exit approach/retreat
remember/forget learn/unlearn teach/study
laugh/cry smile/frown
build/destroy create/demolish repair/break assemble/dismantle
increase/decrease expand/contract grow/shrink multiply/divide add/subtract
accept/reject agree/disagree allow/forbid permit/prohibit
attack/defend protect/endanger
live/die
float/sink
freeze/melt heat/chill
import/export
rise/fall ascend/descend
connect/disconnect attach/detach join/separate tie/untie
help/hinder encourage/discourage support/oppose
include/exclude
inhale/exhale
wake/sleep work/rest
hire/fire promote/demote
obey/rebel lead/follow
fill/drain load/unload pack/unpack
admit/deny confirm/contradict
punish/reward
stretch/compress
harden/soften strengthen/weaken
lengthen/shorten widen/taper
brighten/darken
hurry/dawdle accelerate/brake
trust/distrust believe/doubt
"""

NOUNS = """
day/night dawn/dusk sunrise/sunset noon/midnight morning/evening
summer/winter
friend/enemy ally/rival
war/peace battle/truce
heaven/hell angel/devil
success/failure victory/defeat triumph/disaster
truth/lie fact/fiction
question/reply
beginning/ending
top/bottom front/back inside/outside ceiling/floor
king/subject master/servant boss/employee
teacher/pupil doctor/patient
buyer/seller customer/merchant
profit/loss income/expense asset/debt
hero/villain
north/south east/west
life/death birth/burial
joy/sorrow pleasure/pain
strength/weakness advantage/disadvantage
wealth/poverty luxury/hardship
courage/fear
freedom/slavery
entrance/exit departure/arrival
past/future yesterday/tomorrow
cause/effect
majority/minority
winner/loser
host/guest landlord/tenant
expert/beginner amateur/professional
order/chaos
ancestor/descendant parent/child
predator/prey
health/illness
knowledge/ignorance
hope/despair
optimist/pessimist
ocean/continent mountain/valley
husband/wife
noise/silence
demand/supply
guilt/innocence
"""

ADVERBS = """
always/never often/seldom sometimes/constantly
here/there nearby/afar
before/after now/then earlier/later
above/below over/under up/down upstairs/downstairs
with/without
yes/no
more/less most/least many/few
everything/nothing everyone/nobody all/none
quickly/slowly
well/badly
together/apart
forward/backward
inward/outward
"""

# base/past/participle, all three irregular in form and the last two different.
IRREGULAR_VERBS = """
write/wrote/written go/went/gone see/saw/seen take/took/taken give/gave/given eat/ate/eaten drive/drove/driven
break/broke/broken speak/spoke/spoken choose/chose/chosen steal/stole/stolen freeze/froze/frozen wake/woke/woken
wear/wore/worn tear/tore/torn swear/swore/sworn know/knew/known grow/grew/grown throw/threw/thrown blow/blew/blown
fly/flew/flown draw/drew/drawn show/showed/shown begin/began/begun drink/drank/drunk sing/sang/sung swim/swam/swum
ring/rang/rung shrink/shrank/shrunk sink/sank/sunk ride/rode/ridden hide/hid/hidden bite/bit/bitten rise/rose/risen
fall/fell/fallen shake/shook/shaken forget/forgot/forgotten forgive/forgave/forgiven do/did/done
come/came/come run/ran/run become/became/become
"""

# singular/plural: heads of noun phrases, each used once.
COUNT_NOUNS = """
key/keys letter/letters picture/pictures book/books window/windows door/doors chair/chairs table/tables cup/cups
plate/plates knife/knives spoon/spoons lamp/lamps bed/beds carpet/carpets mirror/mirrors clock/clocks bottle/bottles
box/boxes bag/bags coat/coats shirt/shirts shoe/shoes hat/hats glove/gloves dress/dresses ring/rings watch/watches
car/cars truck/trucks bus/buses train/trains boat/boats ship/ships plane/planes bicycle/bicycles wheel/wheels
road/roads street/streets bridge/bridges tunnel/tunnels river/rivers lake/lakes mountain/mountains hill/hills
valley/valleys forest/forests tree/trees branch/branches leaf/leaves flower/flowers garden/gardens farm/farms
field/fields horse/horses cow/cows pig/pigs dog/dogs cat/cats bird/birds fish-tank/fish-tanks rabbit/rabbits
mouse/mice goose/geese duck/ducks hen/hens lion/lions tiger/tigers bear/bears wolf/wolves fox/foxes monkey/monkeys
elephant/elephants snake/snakes frog/frogs spider/spiders bee/bees ant/ants butterfly/butterflies
boy/boys girl/girls man/men woman/women child/children baby/babies teacher/teachers student/students doctor/doctors
nurse/nurses farmer/farmers soldier/soldiers worker/workers lawyer/lawyers judge/judges artist/artists
writer/writers singer/singers dancer/dancers actor/actors player/players coach/coaches driver/drivers pilot/pilots
sailor/sailors king/kings queen/queens prince/princes friend/friends neighbor/neighbors guest/guests
brother/brothers sister/sisters uncle/uncles cousin/cousins house/houses school/schools church/churches
hospital/hospitals hotel/hotels shop/shops market/markets library/libraries museum/museums factory/factories
office/offices station/stations airport/airports island/islands city/cities village/villages country/countries
song/songs poem/poems story/stories novel/novels film/films game/games photo/photos painting/paintings
statue/statues newspaper/newspapers magazine/magazines report/reports message/messages email/emails
idea/ideas plan/plans problem/problems question/questions answer/answers reason/reasons rule/rules law/laws
machine/machines computer/computers phone/phones camera/cameras radio/radios engine/engines tool/tools hammer/hammers
apple/apples orange/oranges banana/bananas potato/potatoes tomato/tomatoes onion/onions carrot/carrots egg/eggs
cake/cakes cookie/cookies sandwich/sandwiches pizza/pizzas star/stars planet/planets cloud/clouds storm/storms
stone/stones brick/bricks wall/walls fence/fences roof/roofs tower/towers candle/candles basket/baskets
pencil/pencils brush/brushes needle/needles button/buttons pocket/pockets blanket/blankets pillow/pillows
towel/towels ticket/tickets coin/coins map/maps flag/flags drum/drums guitar/guitars piano/pianos violin/violins
tooth/teeth foot/feet finger/fingers arm/arms leg/legs eye/eyes ear/ears bone/bones muscle/muscles nerve/nerves
cell/cells atom/atoms magnet/magnets battery/batteries wire/wires screw/screws nail/nails rope/ropes chain/chains
ladder/ladders bucket/buckets shovel/shovels broom/brooms kettle/kettles oven/ovens fridge/fridges freezer/freezers
desk/desks shelf/shelves drawer/drawers curtain/curtains cushion/cushions sofa/sofas bench/benches stool/stools
""".replace("fish-tank/fish-tanks ", "")


def pairs(table: str) -> list[list[tuple[str, str]]]:
    """Fields of (word, partner); multi-word makeshifts (with a hyphen) are left out."""
    fields = []
    for line in table.strip().splitlines():
        entries = [entry.split("/") for entry in line.split() if "-" not in entry]
        if entries:
            fields.append([(a, b) for a, b in entries])
    return fields
