"""Facts about the world that do not change from year to year: capitals, chemical symbols, dated events.

Left out are countries whose capital is disputed, shared, moving, or named like the country.
"""

from __future__ import annotations

# country:capital, one continent a line.
CAPITALS = """
France:Paris Germany:Berlin Italy:Rome Spain:Madrid Portugal:Lisbon Austria:Vienna Belgium:Brussels Greece:Athens \
Poland:Warsaw Hungary:Budapest Romania:Bucharest Bulgaria:Sofia Serbia:Belgrade Croatia:Zagreb Slovenia:Ljubljana \
Slovakia:Bratislava Denmark:Copenhagen Sweden:Stockholm Norway:Oslo Finland:Helsinki Iceland:Reykjavik \
Ireland:Dublin Estonia:Tallinn Latvia:Riga Lithuania:Vilnius Ukraine:Kyiv Belarus:Minsk Russia:Moscow \
Moldova:Chisinau Albania:Tirana Montenegro:Podgorica Malta:Valletta Cyprus:Nicosia Switzerland:Bern \
Netherlands:Amsterdam England:London Scotland:Edinburgh Wales:Cardiff Liechtenstein:Vaduz
Japan:Tokyo China:Beijing India:New_Delhi Pakistan:Islamabad Bangladesh:Dhaka Nepal:Kathmandu Bhutan:Thimphu \
Thailand:Bangkok Vietnam:Hanoi Cambodia:Phnom_Penh Laos:Vientiane Philippines:Manila Mongolia:Ulaanbaatar \
Iran:Tehran Iraq:Baghdad Syria:Damascus Lebanon:Beirut Jordan:Amman Turkey:Ankara Afghanistan:Kabul \
Uzbekistan:Tashkent Tajikistan:Dushanbe Turkmenistan:Ashgabat Kyrgyzstan:Bishkek Armenia:Yerevan \
Azerbaijan:Baku Qatar:Doha Bahrain:Manama Oman:Muscat Yemen:Sanaa Taiwan:Taipei Maldives:Male Malaysia:Kuala_Lumpur \
Saudi_Arabia:Riyadh South_Korea:Seoul North_Korea:Pyongyang
Egypt:Cairo Libya:Tripoli Morocco:Rabat Sudan:Khartoum Ethiopia:Addis_Ababa Kenya:Nairobi Uganda:Kampala \
Rwanda:Kigali Somalia:Mogadishu Eritrea:Asmara Nigeria:Abuja Ghana:Accra Senegal:Dakar Mali:Bamako Niger:Niamey \
Chad:N'Djamena Cameroon:Yaounde Gabon:Libreville Angola:Luanda Zambia:Lusaka Zimbabwe:Harare Mozambique:Maputo \
Madagascar:Antananarivo Namibia:Windhoek Botswana:Gaborone Malawi:Lilongwe Togo:Lome Liberia:Monrovia Gambia:Banjul \
Mauritania:Nouakchott Mauritius:Port_Louis Seychelles:Victoria Lesotho:Maseru Sierra_Leone:Freetown \
Burkina_Faso:Ouagadougou Guinea:Conakry Tanzania:Dodoma South_Sudan:Juba
Canada:Ottawa Cuba:Havana Jamaica:Kingston Haiti:Port-au-Prince Honduras:Tegucigalpa Nicaragua:Managua Brazil:Brasilia \
Argentina:Buenos_Aires Uruguay:Montevideo Paraguay:Asuncion Peru:Lima Ecuador:Quito Colombia:Bogota \
Venezuela:Caracas Guyana:Georgetown Suriname:Paramaribo Belize:Belmopan Barbados:Bridgetown Bahamas:Nassau \
Chile:Santiago Dominica:Roseau Costa_Rica:San_Jose
Australia:Canberra Fiji:Suva Samoa:Apia Tonga:Nukualofa Vanuatu:Port_Vila Kiribati:Tarawa Palau:Ngerulmud
"""

# element:symbol
ELEMENTS = """
hydrogen:H helium:He lithium:Li beryllium:Be boron:B carbon:C nitrogen:N oxygen:O fluorine:F neon:Ne sodium:Na
magnesium:Mg aluminum:Al silicon:Si phosphorus:P sulfur:S chlorine:Cl argon:Ar potassium:K calcium:Ca titanium:Ti
vanadium:V chromium:Cr manganese:Mn iron:Fe cobalt:Co nickel:Ni copper:Cu zinc:Zn gallium:Ga germanium:Ge arsenic:As
selenium:Se bromine:Br krypton:Kr rubidium:Rb strontium:Sr zirconium:Zr molybdenum:Mo rhodium:Rh palladium:Pd
silver:Ag cadmium:Cd indium:In tin:Sn antimony:Sb iodine:I xenon:Xe cesium:Cs barium:Ba tungsten:W platinum:Pt
gold:Au mercury:Hg lead:Pb bismuth:Bi radon:Rn radium:Ra uranium:U plutonium:Pu
"""

# event:year, the event a clause that "in" follows.
EVENTS = """
The French Revolution began:1789
World War I began:1914
World War I ended:1918
World War II began:1939
World War II ended:1945
The Berlin Wall fell:1989
The Titanic sank:1912
Columbus first reached the Americas:1492
The United States declared independence:1776
The first humans landed on the Moon:1969
The Soviet Union was dissolved:1991
The Battle of Hastings was fought:1066
The Magna Carta was sealed:1215
The Great Fire of London broke out:1666
The Battle of Waterloo was fought:1815
The Russian Revolution took place:1917
The stock market on Wall Street crashed:1929
President Kennedy was assassinated:1963
President Lincoln was assassinated:1865
India became independent:1947
The attack on Pearl Harbor happened:1941
The United Nations was founded:1945
The first modern Olympic Games were held:1896
The Wright brothers made their first powered flight:1903
The Suez Canal was opened:1869
The Panama Canal was opened:1914
The Chernobyl disaster happened:1986
Darwin published On the Origin of Species:1859
Shakespeare died:1616
The Spanish Armada sailed against England:1588
Constantinople fell to the Ottomans:1453
The Normandy landings took place:1944
Martin Luther published his Ninety-five Theses:1517
The American Civil War began:1861
The American Civil War ended:1865
The San Francisco earthquake struck:1906
The Boston Tea Party took place:1773
The Louisiana Purchase was made:1803
Sputnik was launched:1957
Nelson Mandela was released from prison:1990
The Korean War began:1950
The Eiffel Tower was completed:1889
"""

# work:person, the work a clause that "by" ends.
WORKS = """
Hamlet was written by:Shakespeare
Oliver Twist was written by:Dickens
War and Peace was written by:Tolstoy
Pride and Prejudice was written by:Austen
The Adventures of Tom Sawyer was written by:Twain
Don Quixote was written by:Cervantes
Les Miserables was written by:Hugo
The Trial was written by:Kafka
Ulysses was written by:Joyce
Faust was written by:Goethe
The Divine Comedy was written by:Dante
The Odyssey was written by:Homer
The Canterbury Tales was written by:Chaucer
Paradise Lost was written by:Milton
Frankenstein was written by:Shelley
Dracula was written by:Stoker
Moby-Dick was written by:Melville
The Old Man and the Sea was written by:Hemingway
The Great Gatsby was written by:Fitzgerald
Of Mice and Men was written by:Steinbeck
Crime and Punishment was written by:Dostoevsky
Nineteen Eighty-Four was written by:Orwell
The Hobbit was written by:Tolkien
The Jungle Book was written by:Kipling
Treasure Island was written by:Stevenson
The Time Machine was written by:Wells
The Republic was written by:Plato
The Wealth of Nations was written by:Smith
The Communist Manifesto was written by Marx and:Engels
The Mona Lisa was painted by:Leonardo
The Starry Night was painted by:Van Gogh
Guernica was painted by:Picasso
The Scream was painted by:Munch
The Night Watch was painted by:Rembrandt
The Magic Flute was composed by:Mozart
The Four Seasons was composed by:Vivaldi
Swan Lake was composed by:Tchaikovsky
The Ninth Symphony with the Ode to Joy was composed by:Beethoven
The Messiah was composed by:Handel
The theory of general relativity was developed by:Einstein
The laws of motion were stated by:Newton
Penicillin was discovered by:Fleming
"""

# adult:young, country:language and the like: relations for analogies. "relation | a:b a:b ..."
RELATIONS = """
young | dog:puppy cat:kitten cow:calf horse:foal sheep:lamb bear:cub duck:duckling hen:chick frog:tadpole goat:kid \
swan:cygnet deer:fawn kangaroo:joey goose:gosling butterfly:caterpillar owl:owlet
female | king:queen prince:princess man:woman boy:girl father:mother brother:sister uncle:aunt son:daughter \
nephew:niece husband:wife actor:actress waiter:waitress rooster:hen bull:cow groom:bride wizard:witch \
grandfather:grandmother duke:duchess lion:lioness host:hostess
language | France:French Germany:German Spain:Spanish Italy:Italian Japan:Japanese Russia:Russian Poland:Polish \
Greece:Greek Turkey:Turkish Sweden:Swedish Norway:Norwegian Denmark:Danish Finland:Finnish Hungary:Hungarian \
Portugal:Portuguese Vietnam:Vietnamese Thailand:Thai Iceland:Icelandic England:English China:Chinese
home | bird:nest bee:hive lion:den spider:web horse:stable pig:sty ant:anthill fish:sea king:palace monk:monastery \
prisoner:prison nun:convent soldier:barracks dog:kennel beaver:lodge rabbit:burrow
worker | farmer:farm teacher:school doctor:hospital chef:kitchen pilot:plane sailor:ship judge:court priest:church \
actor:theater banker:bank miner:mine librarian:library baker:bakery barber:salon scientist:laboratory
tool | painter:brush carpenter:hammer writer:pen photographer:camera surgeon:scalpel drummer:drum gardener:spade \
tailor:needle archer:bow woodcutter:axe fisherman:net astronomer:telescope pianist:piano \
violinist:violin guitarist:guitar hairdresser:scissors knight:sword
comparative | big:bigger small:smaller tall:taller old:older young:younger fast:faster slow:slower hot:hotter \
cold:colder rich:richer poor:poorer strong:stronger weak:weaker happy:happier easy:easier good:better bad:worse \
cheap:cheaper dark:darker light:lighter long:longer short:shorter high:higher deep:deeper clean:cleaner loud:louder
plural | mouse:mice man:men child:children foot:feet tooth:teeth goose:geese woman:women leaf:leaves knife:knives \
wolf:wolves city:cities baby:babies box:boxes bus:buses church:churches story:stories potato:potatoes wife:wives \
shelf:shelves country:countries dish:dishes hero:heroes berry:berries thief:thieves
past | go:went eat:ate take:took give:gave write:wrote speak:spoke break:broke drive:drove see:saw come:came run:ran \
sing:sang drink:drank swim:swam begin:began fly:flew grow:grew know:knew throw:threw draw:drew fall:fell make:made \
buy:bought think:thought teach:taught catch:caught bring:brought sell:sold tell:told find:found keep:kept \
sleep:slept feel:felt leave:left meet:met lose:lost send:sent build:built spend:spent win:won sit:sat stand:stood
product | bee:honey cow:milk hen:egg sheep:wool baker:bread author:novel composer:music poet:poem brewer:beer \
spider:silk tree:wood oyster:pearl
color | grass:green snow:white coal:black blood:red sky:blue lemon:yellow carrot:orange chocolate:brown \
elephant:gray flamingo:pink
sound | dog:bark cat:meow cow:moo lion:roar duck:quack sheep:bleat horse:neigh snake:hiss bee:buzz pig:oink wolf:howl \
frog:croak
sense | eye:see ear:hear nose:smell tongue:taste foot:walk hand:grasp brain:think mouth:speak tooth:bite
capital | France:Paris Germany:Berlin Italy:Rome Spain:Madrid Japan:Tokyo Russia:Moscow Greece:Athens Egypt:Cairo \
England:London Poland:Warsaw Austria:Vienna Ireland:Dublin Norway:Oslo Sweden:Stockholm Portugal:Lisbon \
Cuba:Havana China:Beijing Iran:Tehran Iraq:Baghdad Kenya:Nairobi Peru:Lima Canada:Ottawa Hungary:Budapest \
Turkey:Ankara Finland:Helsinki Thailand:Bangkok Chile:Santiago Jamaica:Kingston
"""


def colon_pairs(line: str) -> list[tuple[str, str]]:
    """(left, right) of every word "left:right" of a line; "_" stands for a space."""
    out = []
    for entry in line.split():
        left, right = entry.split(":")
        out.append((left.replace("_", " "), right.replace("_", " ")))
    return out


def capitals() -> list[list[tuple[str, str]]]:
    """(country, capital), one list a continent."""
    return [colon_pairs(line) for line in CAPITALS.strip().splitlines()]


def events() -> list[tuple[str, str]]:
    """(clause, year)."""
    return [(clause, year) for clause, year in (line.rsplit(":", 1) for line in EVENTS.strip().splitlines())]


def relations() -> dict[str, list[tuple[str, str]]]:
    """Facts of each relation."""
    parts = (line.split("|") for line in RELATIONS.strip().splitlines())
    return {name.strip(): colon_pairs(rest) for name, rest in parts}


def works() -> list[tuple[str, str]]:
    """(clause that ends in "by", person)."""
    return [(clause, person) for clause, person in (line.rsplit(":", 1) for line in WORKS.strip().splitlines())]
