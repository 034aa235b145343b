"""Make the sample that `make demo` trains: one small knowledge base and six small benchmarks.

Everything is generated from the table of facts in this file (the author's own knowledge, in the
author's own words) with a fixed seed, so that the same files come out byte for byte::

    python reader_training/make_sample.py            # writes wbrag_pipeline/sample/
    python reader_training/make_sample.py --check    # fails where the files on disk differ
    python -m reader_training.make_sample --vectors  # the corpus' vectors, which other machines round otherwise

The shape of the sample (why write-back has something to improve in it) is told in
``wbrag_pipeline/sample/README.md``.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import sys
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

SEED = 20260325
OUT = Path(__file__).resolve().parent.parent / "wbrag_pipeline" / "sample"

# --------------------------------------------------------------------------------------------
# The facts. One block a kind of subject; a row is a subject; "-" where a fact is left out.
# --------------------------------------------------------------------------------------------

FACTS = {
    "element": """
name|group|symbol|number|finder|year|land|origin|use
Hydrogen|nonmetals|H|1|Henry Cavendish|1766|England|Greek words meaning water former|the production of ammonia
Lithium|alkali metals|Li|3|Johan August Arfwedson|1817|Sweden|the Greek word for stone|rechargeable batteries
Nitrogen|nonmetals|N|7|Daniel Rutherford|1772|Scotland|Greek words meaning nitre former|fertilisers
Oxygen|nonmetals|O|8|Joseph Priestley|1774|England|Greek words meaning acid former|steelmaking
Fluorine|halogens|F|9|Henri Moissan|1886|France|the Latin word for flowing|the manufacture of Teflon
Neon|noble gases|Ne|10|William Ramsay and Morris Travers|1898|England|the Greek word for new|advertising signs
Sodium|alkali metals|Na|11|Humphry Davy|1807|England|the word soda|street lamps
Magnesium|alkaline earth metals|Mg|12|Humphry Davy|1808|England|the Greek district of Magnesia|light alloys
Aluminium|light metals|Al|13|Hans Christian Ørsted|1825|Denmark|the mineral salt alum|aircraft bodies
Silicon|metalloids|Si|14|Jöns Jacob Berzelius|1824|Sweden|the Latin word for flint|computer chips
Phosphorus|nonmetals|P|15|Hennig Brand|1669|Germany|Greek words meaning light bearer|safety matches
Chlorine|halogens|Cl|17|Carl Wilhelm Scheele|1774|Sweden|the Greek word for pale green|the disinfection of water
Argon|noble gases|Ar|18|Lord Rayleigh and William Ramsay|1894|England|the Greek word for lazy|shielding in welding
Potassium|alkali metals|K|19|Humphry Davy|1807|England|the word potash|fertilisers
Calcium|alkaline earth metals|Ca|20|Humphry Davy|1808|England|the Latin word for lime|cement
Scandium|transition metals|Sc|21|Lars Fredrik Nilson|1879|Sweden|the region of Scandinavia|strong aluminium alloys
Titanium|transition metals|Ti|22|William Gregor|1791|England|the Titans of Greek myth|white paint
Vanadium|transition metals|V|23|Andrés Manuel del Río|1801|Mexico|a name of the Norse goddess Freyja|tool steel
Chromium|transition metals|Cr|24|Louis-Nicolas Vauquelin|1797|France|the Greek word for colour|stainless steel
Manganese|transition metals|Mn|25|Johan Gottlieb Gahn|1774|Sweden|-|hard steel
Cobalt|transition metals|Co|27|Georg Brandt|-|Sweden|the German word for goblin|blue pigments
Nickel|transition metals|Ni|28|Axel Fredrik Cronstedt|1751|Sweden|a spirit of German miners' tales|coins
Gallium|soft metals|Ga|31|Paul-Émile Lecoq de Boisbaudran|1875|France|the Latin name of France|light-emitting diodes
Germanium|metalloids|Ge|32|Clemens Winkler|1886|Germany|the Latin name of Germany|infrared optics
Selenium|metalloids|Se|34|Jöns Jacob Berzelius|1817|Sweden|the Greek word for the Moon|glassmaking
Bromine|halogens|Br|35|Antoine Jérôme Balard|1826|France|the Greek word for stench|flame retardants
Krypton|noble gases|Kr|36|William Ramsay and Morris Travers|1898|England|the Greek word for hidden|photographic flash lamps
Rubidium|alkali metals|Rb|37|Robert Bunsen and Gustav Kirchhoff|1861|Germany|the Latin word for deep red|atomic clocks
Strontium|alkaline earth metals|Sr|38|-|-|-|the Scottish village of Strontian|red fireworks
Yttrium|rare earths|Y|39|Johan Gadolin|1794|Finland|the Swedish village of Ytterby|red phosphors
Zirconium|transition metals|Zr|40|Martin Heinrich Klaproth|1789|Germany|the mineral zircon|the cladding of nuclear fuel
Niobium|transition metals|Nb|41|Charles Hatchett|1801|England|Niobe of Greek myth|superconducting magnets
Molybdenum|transition metals|Mo|42|Peter Jacob Hjelm|1781|Sweden|the Greek word for lead|high-strength steel
Technetium|transition metals|Tc|43|Carlo Perrier and Emilio Segrè|1937|Italy|the Greek word for artificial|medical imaging
Ruthenium|platinum metals|Ru|44|Karl Ernst Claus|1844|Russia|a Latin name for Russia|electrical contacts
Cadmium|soft metals|Cd|48|Friedrich Stromeyer|1817|Germany|the Latin word for calamine|yellow pigments
Indium|soft metals|In|49|Ferdinand Reich and Theodor Richter|1863|Germany|the indigo line in its spectrum|touch screens
Tellurium|metalloids|Te|52|Franz-Joseph Müller von Reichenstein|1782|Transylvania|the Latin word for earth|solar panels
Iodine|halogens|I|53|Bernard Courtois|1811|France|the Greek word for violet|antiseptics
Xenon|noble gases|Xe|54|William Ramsay and Morris Travers|1898|England|the Greek word for stranger|the engines of space probes
Caesium|alkali metals|Cs|55|Robert Bunsen and Gustav Kirchhoff|1860|Germany|the Latin word for sky blue|atomic clocks
Barium|alkaline earth metals|Ba|56|Humphry Davy|1808|England|the Greek word for heavy|X-ray contrast meals
Lanthanum|rare earths|La|57|Carl Gustaf Mosander|-|Sweden|the Greek verb for lying hidden|camera lenses
Cerium|rare earths|Ce|58|-|1803|Sweden|the dwarf planet Ceres|lighter flints
Neodymium|rare earths|Nd|60|Carl Auer von Welsbach|1885|Austria|Greek words meaning new twin|strong magnets
Europium|rare earths|Eu|63|Eugène-Anatole Demarçay|1901|France|the continent of Europe|the security inks of banknotes
Gadolinium|rare earths|Gd|64|Jean Charles Galissard de Marignac|1880|Switzerland|the chemist Johan Gadolin|contrast agents for MRI scans
Thulium|rare earths|Tm|69|Per Teodor Cleve|1879|Sweden|Thule, an old name of the far north|portable X-ray machines
Hafnium|transition metals|Hf|72|Dirk Coster and George de Hevesy|1923|Denmark|the Latin name of Copenhagen|control rods of reactors
Tantalum|transition metals|Ta|73|Anders Gustaf Ekeberg|1802|Sweden|Tantalus of Greek myth|capacitors
Tungsten|transition metals|W|74|the brothers Juan José and Fausto Elhuyar|1783|Spain|Swedish words meaning heavy stone|lamp filaments
Rhenium|transition metals|Re|75|Walter Noddack, Ida Tacke and Otto Berg|1925|Germany|the river Rhine|the blades of jet engines
Osmium|platinum metals|Os|76|Smithson Tennant|1803|England|the Greek word for smell|the tips of fountain pens
Iridium|platinum metals|Ir|77|Smithson Tennant|1803|England|the Greek goddess of the rainbow|spark plugs
Thallium|soft metals|Tl|81|William Crookes|1861|England|the Greek word for a green twig|infrared detectors
Polonium|radioactive elements|Po|84|Marie and Pierre Curie|1898|France|Marie Curie's native Poland|antistatic brushes
Francium|radioactive elements|Fr|87|Marguerite Perey|1939|France|the country of France|-
Radium|radioactive elements|Ra|88|Marie and Pierre Curie|1898|France|the Latin word for ray|luminous watch dials
Thorium|radioactive elements|Th|90|Jöns Jacob Berzelius|1829|Sweden|the Norse god Thor|gas mantles
Uranium|radioactive elements|U|92|Martin Heinrich Klaproth|1789|Germany|the planet Uranus|nuclear power stations
Neptunium|radioactive elements|Np|93|Edwin McMillan and Philip Abelson|1940|the United States|the planet Neptune|-
""",
    "country": """
name|group|capital|currency|language|peak|free|neighbour
Argentina|South America|Buenos Aires|Argentine peso|Spanish|Aconcagua|1816|Chile
Peru|South America|Lima|sol|Spanish|Huascarán|1821|Ecuador
Ecuador|South America|Quito|United States dollar|Spanish|Chimborazo|-|Colombia
Brazil|South America|Brasília|real|Portuguese|Pico da Neblina|1822|Uruguay
Colombia|South America|Bogotá|Colombian peso|Spanish|-|1810|Venezuela
Venezuela|South America|Caracas|bolívar|Spanish|Pico Bolívar|1811|Guyana
Paraguay|South America|Asunción|guaraní|Spanish and Guaraní|-|1811|Bolivia
Uruguay|South America|Montevideo|Uruguayan peso|Spanish|-|-|Brazil
Suriname|South America|Paramaribo|Surinamese dollar|Dutch|Juliana Top|1975|French Guiana
Guyana|South America|Georgetown|Guyanese dollar|English|-|1966|Suriname
Guatemala|Central America|Guatemala City|quetzal|Spanish|Tajumulco|1821|Mexico
Honduras|Central America|Tegucigalpa|lempira|Spanish|-|1821|Nicaragua
Costa Rica|Central America|San José|colón|Spanish|Chirripó|1821|Panama
Panama|Central America|Panama City|balboa|Spanish|Volcán Barú|1903|Costa Rica
Nicaragua|Central America|Managua|córdoba|Spanish|-|1821|Honduras
Portugal|Southern Europe|Lisbon|euro|Portuguese|Mount Pico|-|Spain
Greece|Southern Europe|Athens|euro|Greek|Mount Olympus|-|Bulgaria
Albania|Southern Europe|Tirana|lek|Albanian|Mount Korab|1912|Montenegro
Croatia|Southern Europe|Zagreb|euro|Croatian|Dinara|1991|Slovenia
Slovenia|Southern Europe|Ljubljana|euro|Slovene|Triglav|1991|Austria
Serbia|Southern Europe|Belgrade|Serbian dinar|Serbian|-|-|Romania
Romania|Eastern Europe|Bucharest|leu|Romanian|Moldoveanu|-|Hungary
Hungary|Eastern Europe|Budapest|forint|Hungarian|Kékes|-|Slovakia
Poland|Eastern Europe|Warsaw|złoty|Polish|Rysy|-|Lithuania
Czech Republic|Eastern Europe|Prague|koruna|Czech|Sněžka|1993|Germany
Slovakia|Eastern Europe|Bratislava|euro|Slovak|Gerlachovský štít|1993|Hungary
Ukraine|Eastern Europe|Kyiv|hryvnia|Ukrainian|Hoverla|1991|Moldova
Moldova|Eastern Europe|Chișinău|Moldovan leu|Romanian|-|1991|Ukraine
Norway|Northern Europe|Oslo|Norwegian krone|Norwegian|Galdhøpiggen|1905|Finland
Sweden|Northern Europe|Stockholm|Swedish krona|Swedish|Kebnekaise|-|Norway
Denmark|Northern Europe|Copenhagen|Danish krone|Danish|-|-|Germany
Iceland|Northern Europe|Reykjavík|Icelandic króna|Icelandic|Hvannadalshnúkur|-|-
Estonia|Northern Europe|Tallinn|euro|Estonian|Suur Munamägi|1918|Latvia
Latvia|Northern Europe|Riga|euro|Latvian|Gaiziņkalns|1918|Estonia
Egypt|North Africa|Cairo|Egyptian pound|Arabic|Mount Catherine|1922|Libya
Morocco|North Africa|Rabat|dirham|Arabic and Berber|Toubkal|1956|Algeria
Tunisia|North Africa|Tunis|Tunisian dinar|Arabic|Jebel ech Chambi|1956|Libya
Algeria|North Africa|Algiers|Algerian dinar|Arabic and Berber|Mount Tahat|1962|Mali
Sudan|North Africa|Khartoum|Sudanese pound|Arabic and English|-|1956|Chad
Ghana|West Africa|Accra|cedi|English|Mount Afadja|1957|Togo
Nigeria|West Africa|Abuja|naira|English|Chappal Waddi|1960|Benin
Senegal|West Africa|Dakar|West African CFA franc|French|-|1960|Mauritania
Mali|West Africa|Bamako|West African CFA franc|-|Mount Hombori|1960|Niger
Sierra Leone|West Africa|Freetown|leone|English|Mount Bintumani|1961|Liberia
Gambia|West Africa|Banjul|dalasi|English|-|1965|Senegal
Kenya|East Africa|Nairobi|Kenyan shilling|Swahili and English|Mount Kenya|1963|Uganda
Uganda|East Africa|Kampala|Ugandan shilling|English and Swahili|Margherita Peak|1962|Rwanda
Ethiopia|East Africa|Addis Ababa|birr|Amharic|Ras Dashen|-|Djibouti
Rwanda|East Africa|Kigali|Rwandan franc|-|Karisimbi|1962|Burundi
Madagascar|East Africa|Antananarivo|ariary|Malagasy and French|Maromokotro|1960|-
Somalia|East Africa|Mogadishu|Somali shilling|Somali and Arabic|-|1960|Ethiopia
Zambia|Southern Africa|Lusaka|Zambian kwacha|English|-|1964|Malawi
Botswana|Southern Africa|Gaborone|pula|English|-|1966|Namibia
Namibia|Southern Africa|Windhoek|Namibian dollar|English|Königstein|1990|Angola
Mozambique|Southern Africa|Maputo|metical|Portuguese|Monte Binga|1975|Eswatini
Angola|Southern Africa|Luanda|kwanza|Portuguese|Mount Moco|1975|Zambia
Malawi|Southern Africa|Lilongwe|Malawian kwacha|English|Mount Mulanje|1964|Mozambique
Japan|East Asia|Tokyo|yen|Japanese|Mount Fuji|-|-
Mongolia|East Asia|Ulaanbaatar|tögrög|Mongolian|Khüiten Peak|-|China
South Korea|East Asia|Seoul|South Korean won|Korean|Hallasan|-|North Korea
Thailand|Southeast Asia|Bangkok|baht|Thai|Doi Inthanon|-|Laos
Vietnam|Southeast Asia|Hanoi|đồng|Vietnamese|Fansipan|-|Cambodia
Laos|Southeast Asia|Vientiane|kip|Lao|Phou Bia|-|Vietnam
Cambodia|Southeast Asia|Phnom Penh|riel|Khmer|Phnom Aural|1953|Laos
Philippines|Southeast Asia|Manila|Philippine peso|Filipino and English|Mount Apo|-|-
Malaysia|Southeast Asia|Kuala Lumpur|ringgit|Malay|Mount Kinabalu|1957|Brunei
Bangladesh|South Asia|Dhaka|taka|Bengali|-|1971|Myanmar
Nepal|South Asia|Kathmandu|Nepalese rupee|Nepali|Mount Everest|-|India
Bhutan|South Asia|Thimphu|ngultrum|Dzongkha|Gangkhar Puensum|-|China
Pakistan|South Asia|Islamabad|Pakistani rupee|Urdu and English|K2|1947|Iran
Kazakhstan|Central Asia|Astana|tenge|Kazakh and Russian|-|1991|Russia
Uzbekistan|Central Asia|Tashkent|som|Uzbek|-|1991|Turkmenistan
Tajikistan|Central Asia|Dushanbe|somoni|Tajik|Ismoil Somoni Peak|1991|Afghanistan
Kyrgyzstan|Central Asia|Bishkek|Kyrgyz som|Kyrgyz and Russian|Jengish Chokusu|1991|Kazakhstan
Armenia|the Caucasus|Yerevan|dram|Armenian|Mount Aragats|1991|Georgia
Georgia|the Caucasus|Tbilisi|lari|Georgian|Shkhara|1991|Armenia
Azerbaijan|the Caucasus|Baku|manat|Azerbaijani|Mount Bazardüzü|1991|Iran
Jordan|Western Asia|Amman|Jordanian dinar|Arabic|Jabal Umm ad Dami|1946|Iraq
Oman|Western Asia|Muscat|Omani rial|Arabic|Jebel Shams|-|Yemen
Turkey|Western Asia|Ankara|Turkish lira|Turkish|Mount Ararat|-|Syria
Iran|Western Asia|Tehran|Iranian rial|Persian|Mount Damavand|-|Turkmenistan
New Zealand|Oceania|Wellington|New Zealand dollar|-|Aoraki|-|-
Papua New Guinea|Oceania|Port Moresby|kina|-|Mount Wilhelm|1975|Indonesia
Samoa|Oceania|Apia|tālā|Samoan and English|Mount Silisili|1962|-
Tonga|Oceania|Nukuʻalofa|paʻanga|Tongan and English|Kao|1970|-
""",
    "state": """
name|group|capital|year|largest|nickname|bird
Alabama|the American South|Montgomery|1819|-|Yellowhammer State|northern flicker
Alaska|the American West|Juneau|1959|Anchorage|Last Frontier|willow ptarmigan
Arizona|the American Southwest|Phoenix|1912|Phoenix|Grand Canyon State|cactus wren
Arkansas|the American South|Little Rock|1836|Little Rock|Natural State|northern mockingbird
California|the American West|Sacramento|1850|Los Angeles|Golden State|California quail
Colorado|the American West|Denver|1876|Denver|Centennial State|lark bunting
Connecticut|New England|Hartford|1788|Bridgeport|Constitution State|American robin
Delaware|the Mid-Atlantic states|Dover|1787|Wilmington|First State|Blue Hen chicken
Florida|the American South|Tallahassee|1845|Jacksonville|Sunshine State|northern mockingbird
Hawaii|the American West|Honolulu|1959|Honolulu|Aloha State|nene
Idaho|the American West|Boise|1890|Boise|Gem State|mountain bluebird
Illinois|the Midwest|Springfield|1818|Chicago|Prairie State|northern cardinal
Indiana|the Midwest|Indianapolis|1816|Indianapolis|Hoosier State|northern cardinal
Iowa|the Midwest|Des Moines|1846|Des Moines|Hawkeye State|eastern goldfinch
Kansas|the Midwest|Topeka|1861|Wichita|Sunflower State|western meadowlark
Kentucky|the American South|Frankfort|1792|Louisville|Bluegrass State|northern cardinal
Louisiana|the American South|Baton Rouge|1812|New Orleans|Pelican State|brown pelican
Maine|New England|Augusta|1820|Portland|Pine Tree State|chickadee
Maryland|the Mid-Atlantic states|Annapolis|1788|Baltimore|Old Line State|Baltimore oriole
Massachusetts|New England|Boston|1788|Boston|Bay State|chickadee
Michigan|the Midwest|Lansing|1837|Detroit|Wolverine State|American robin
Minnesota|the Midwest|Saint Paul|1858|Minneapolis|North Star State|common loon
Mississippi|the American South|Jackson|1817|Jackson|Magnolia State|northern mockingbird
Missouri|the Midwest|Jefferson City|1821|Kansas City|Show Me State|eastern bluebird
Montana|the American West|Helena|1889|Billings|Treasure State|western meadowlark
Nebraska|the Midwest|Lincoln|1867|Omaha|Cornhusker State|western meadowlark
Nevada|the American West|Carson City|1864|Las Vegas|Silver State|mountain bluebird
New Hampshire|New England|Concord|1788|Manchester|Granite State|purple finch
New Jersey|the Mid-Atlantic states|Trenton|1787|Newark|Garden State|eastern goldfinch
New Mexico|the American Southwest|Santa Fe|1912|Albuquerque|Land of Enchantment|roadrunner
North Carolina|the American South|Raleigh|1789|Charlotte|Tar Heel State|northern cardinal
North Dakota|the Midwest|Bismarck|1889|Fargo|Peace Garden State|western meadowlark
Ohio|the Midwest|Columbus|1803|Columbus|Buckeye State|northern cardinal
Oklahoma|the American Southwest|Oklahoma City|1907|Oklahoma City|Sooner State|scissor-tailed flycatcher
Oregon|the American West|Salem|1859|Portland|Beaver State|western meadowlark
Pennsylvania|the Mid-Atlantic states|Harrisburg|1787|Philadelphia|Keystone State|-
Rhode Island|New England|Providence|1790|Providence|Ocean State|-
South Carolina|the American South|Columbia|1788|Charleston|Palmetto State|Carolina wren
South Dakota|the Midwest|Pierre|1889|Sioux Falls|Mount Rushmore State|ring-necked pheasant
Tennessee|the American South|Nashville|1796|Nashville|Volunteer State|northern mockingbird
Texas|the American Southwest|Austin|1845|Houston|Lone Star State|northern mockingbird
Utah|the American West|Salt Lake City|1896|Salt Lake City|Beehive State|California gull
Vermont|New England|Montpelier|1791|Burlington|Green Mountain State|hermit thrush
Virginia|the American South|Richmond|1788|Virginia Beach|Old Dominion|northern cardinal
Washington|the American West|Olympia|1889|Seattle|Evergreen State|willow goldfinch
West Virginia|the American South|Charleston|1863|-|Mountain State|northern cardinal
Wisconsin|the Midwest|Madison|1848|Milwaukee|Badger State|American robin
Wyoming|the American West|Cheyenne|1890|Cheyenne|Equality State|western meadowlark
""",
    "author": """
name|sex|group|work|born|place|died|other
Jane Austen|f|English novelists|Pride and Prejudice|1775|Steventon|1817|Mansfield Park
Charles Dickens|m|English novelists|Great Expectations|1812|Portsmouth|1870|Bleak House
Emily Brontë|f|English novelists|Wuthering Heights|1818|Thornton|1848|-
George Eliot|f|English novelists|Middlemarch|1819|Nuneaton|1880|Silas Marner
Thomas Hardy|m|English novelists|Tess of the d'Urbervilles|1840|Higher Bockhampton|1928|Jude the Obscure
Mary Shelley|f|English novelists|Frankenstein|1797|London|1851|The Last Man
Lewis Carroll|m|English novelists|Alice's Adventures in Wonderland|1832|Daresbury|1898|The Hunting of the Snark
Virginia Woolf|f|English novelists|Mrs Dalloway|1882|London|1941|To the Lighthouse
George Orwell|m|English novelists|Nineteen Eighty-Four|1903|Motihari|1950|Animal Farm
Agatha Christie|f|English novelists|Murder on the Orient Express|1890|Torquay|1976|Death on the Nile
J. R. R. Tolkien|m|English novelists|The Hobbit|1892|Bloemfontein|1973|The Silmarillion
Daphne du Maurier|f|English novelists|Rebecca|1907|London|1989|Jamaica Inn
William Golding|m|English novelists|Lord of the Flies|1911|Newquay|1993|The Inheritors
Bram Stoker|m|Irish and Scottish writers|Dracula|1847|Dublin|1912|The Lair of the White Worm
James Joyce|m|Irish and Scottish writers|Ulysses|1882|Dublin|1941|Dubliners
Oscar Wilde|m|Irish and Scottish writers|The Picture of Dorian Gray|1854|Dublin|1900|The Importance of Being Earnest
Robert Louis Stevenson|m|Irish and Scottish writers|Treasure Island|1850|Edinburgh|1894|Kidnapped
Arthur Conan Doyle|m|Irish and Scottish writers|The Hound of the Baskervilles|1859|Edinburgh|1930|The Lost World
J. M. Barrie|m|Irish and Scottish writers|Peter Pan|1860|Kirriemuir|1937|Quality Street
Herman Melville|m|American writers|Moby-Dick|1819|New York City|1891|Billy Budd
Mark Twain|m|American writers|Adventures of Huckleberry Finn|1835|Florida, Missouri|1910|The Prince and the Pauper
Louisa May Alcott|f|American writers|Little Women|1832|Germantown|1888|Jo's Boys
Nathaniel Hawthorne|m|American writers|The Scarlet Letter|1804|Salem|1864|The House of the Seven Gables
Harriet Beecher Stowe|f|American writers|Uncle Tom's Cabin|1811|Litchfield|1896|Dred
F. Scott Fitzgerald|m|American writers|The Great Gatsby|1896|Saint Paul|1940|Tender Is the Night
Ernest Hemingway|m|American writers|The Old Man and the Sea|1899|Oak Park|1961|A Farewell to Arms
John Steinbeck|m|American writers|The Grapes of Wrath|1902|Salinas|1968|Of Mice and Men
William Faulkner|m|American writers|The Sound and the Fury|1897|New Albany|1962|As I Lay Dying
Harper Lee|f|American writers|To Kill a Mockingbird|1926|Monroeville|2016|Go Set a Watchman
Toni Morrison|f|American writers|Beloved|1931|Lorain|2019|Song of Solomon
Ray Bradbury|m|American writers|Fahrenheit 451|1920|Waukegan|2012|The Martian Chronicles
J. D. Salinger|m|American writers|The Catcher in the Rye|1919|New York City|2010|Franny and Zooey
Margaret Mitchell|f|American writers|Gone with the Wind|1900|Atlanta|1949|-
Jack London|m|American writers|The Call of the Wild|1876|San Francisco|1916|White Fang
Victor Hugo|m|French writers|Les Misérables|1802|Besançon|1885|The Hunchback of Notre-Dame
Gustave Flaubert|m|French writers|Madame Bovary|1821|Rouen|1880|Salammbô
Jules Verne|m|French writers|Twenty Thousand Leagues Under the Seas|1828|Nantes|1905|Michael Strogoff
Albert Camus|m|French writers|The Stranger|1913|Mondovi|1960|The Plague
Antoine de Saint-Exupéry|m|French writers|The Little Prince|1900|Lyon|1944|Night Flight
Émile Zola|m|French writers|Germinal|1840|Paris|1902|Nana
Leo Tolstoy|m|Russian writers|War and Peace|1828|Yasnaya Polyana|1910|Resurrection
Fyodor Dostoevsky|m|Russian writers|Crime and Punishment|1821|Moscow|1881|The Idiot
Ivan Turgenev|m|Russian writers|Fathers and Sons|1818|Oryol|1883|Rudin
Mikhail Bulgakov|m|Russian writers|The Master and Margarita|1891|Kyiv|1940|The White Guard
Boris Pasternak|m|Russian writers|Doctor Zhivago|1890|Moscow|1960|-
Thomas Mann|m|German-language writers|Buddenbrooks|1875|Lübeck|1955|Doctor Faustus
Franz Kafka|m|German-language writers|The Metamorphosis|1883|Prague|1924|Amerika
Hermann Hesse|m|German-language writers|Siddhartha|1877|Calw|1962|Steppenwolf
Erich Maria Remarque|m|German-language writers|All Quiet on the Western Front|1898|Osnabrück|1970|Arch of Triumph
Günter Grass|m|German-language writers|The Tin Drum|1927|Danzig|2015|Dog Years
Gabriel García Márquez|m|Latin American and Iberian writers|One Hundred Years of Solitude|1927|Aracataca|2014|The Autumn of the Patriarch
Miguel de Cervantes|m|Latin American and Iberian writers|Don Quixote|1547|Alcalá de Henares|1616|La Galatea
José Saramago|m|Latin American and Iberian writers|Blindness|1922|Azinhaga|2010|The Stone Raft
Isabel Allende|f|Latin American and Iberian writers|The House of the Spirits|1942|Lima|-|Eva Luna
Astrid Lindgren|f|Nordic writers|Pippi Longstocking|1907|Vimmerby|2002|Ronia, the Robber's Daughter
Selma Lagerlöf|f|Nordic writers|The Wonderful Adventures of Nils|1858|Mårbacka|1940|Jerusalem
Karen Blixen|f|Nordic writers|Out of Africa|1885|Rungsted|1962|Seven Gothic Tales
Tove Jansson|f|Nordic writers|The Summer Book|1914|Helsinki|2001|Moominsummer Madness
""",
    "book": """
name|group|writer|year|hero|setting
Pride and Prejudice|novels of the early nineteenth century|Jane Austen|1813|Elizabeth Bennet|Hertfordshire
Emma|novels of the early nineteenth century|Jane Austen|1815|Emma Woodhouse|the village of Highbury
Frankenstein|novels of the early nineteenth century|Mary Shelley|1818|Victor Frankenstein|-
Oliver Twist|Victorian novels|Charles Dickens|-|an orphan raised in a workhouse|London
Wuthering Heights|Victorian novels|Emily Brontë|1847|Heathcliff|the Yorkshire moors
Middlemarch|Victorian novels|George Eliot|-|Dorothea Brooke|a town in the English Midlands
Alice's Adventures in Wonderland|Victorian novels|Lewis Carroll|1865|a girl who follows a white rabbit|-
Treasure Island|Victorian novels|Robert Louis Stevenson|1883|Jim Hawkins|-
Dracula|Victorian novels|Bram Stoker|1897|Jonathan Harker|Transylvania and England
The Hound of the Baskervilles|detective stories|Arthur Conan Doyle|1902|Sherlock Holmes|Dartmoor
Murder on the Orient Express|detective stories|Agatha Christie|1934|Hercule Poirot|a train held up by snow
The Murder at the Vicarage|detective stories|Agatha Christie|1930|Miss Marple|the village of St Mary Mead
Moby-Dick|American classics|Herman Melville|1851|Captain Ahab|the whaling ship Pequod
The Scarlet Letter|American classics|Nathaniel Hawthorne|1850|Hester Prynne|Puritan Boston
Little Women|American classics|Louisa May Alcott|1868|Jo March|Massachusetts
The Adventures of Tom Sawyer|American classics|Mark Twain|1876|Tom Sawyer|a town on the Mississippi
The Call of the Wild|American classics|Jack London|1903|a dog named Buck|the Yukon
The Great Gatsby|twentieth-century American novels|F. Scott Fitzgerald|1925|Nick Carraway|Long Island
Gone with the Wind|twentieth-century American novels|Margaret Mitchell|1936|Scarlett O'Hara|Georgia
The Grapes of Wrath|twentieth-century American novels|John Steinbeck|1939|Tom Joad|Oklahoma and California
To Kill a Mockingbird|twentieth-century American novels|Harper Lee|1960|Scout Finch|Alabama
The Catcher in the Rye|twentieth-century American novels|J. D. Salinger|1951|Holden Caulfield|New York City
Fahrenheit 451|twentieth-century American novels|Ray Bradbury|1953|Guy Montag|a city where books are burned
Beloved|twentieth-century American novels|Toni Morrison|1987|Sethe|Ohio
The Old Man and the Sea|twentieth-century American novels|Ernest Hemingway|1952|a fisherman named Santiago|Cuba
Mrs Dalloway|British novels between the wars|Virginia Woolf|1925|Clarissa Dalloway|London
The Hobbit|British novels between the wars|J. R. R. Tolkien|1937|Bilbo Baggins|Middle-earth
Rebecca|British novels between the wars|Daphne du Maurier|1938|a young wife who is never named|the house of Manderley
Brave New World|British novels between the wars|Aldous Huxley|1932|Bernard Marx|a future London
Animal Farm|British novels after 1940|George Orwell|1945|a pig named Napoleon|Manor Farm
Nineteen Eighty-Four|British novels after 1940|George Orwell|1949|Winston Smith|Airstrip One
Lord of the Flies|British novels after 1940|William Golding|1954|a boy named Ralph|a deserted island
The Lion, the Witch and the Wardrobe|British novels after 1940|C. S. Lewis|1950|Lucy Pevensie|Narnia
Casino Royale|British novels after 1940|Ian Fleming|1953|James Bond|northern France
Ulysses|Irish writing|James Joyce|1922|Leopold Bloom|Dublin
The Picture of Dorian Gray|Irish writing|Oscar Wilde|1890|Dorian Gray|London
Gulliver's Travels|Irish writing|Jonathan Swift|1726|a ship's surgeon|Lilliput
Les Misérables|French novels|Victor Hugo|1862|Jean Valjean|Paris
Madame Bovary|French novels|Gustave Flaubert|-|Emma Bovary|Normandy
The Count of Monte Cristo|French novels|Alexandre Dumas|-|Edmond Dantès|-
The Stranger|French novels|Albert Camus|1942|Meursault|Algiers
The Little Prince|French novels|Antoine de Saint-Exupéry|1943|a pilot stranded with his aircraft|the Sahara
Germinal|French novels|Émile Zola|1885|Étienne Lantier|a coal-mining town
Anna Karenina|Russian novels|Leo Tolstoy|-|Konstantin Levin|-
Crime and Punishment|Russian novels|Fyodor Dostoevsky|1866|Raskolnikov|Saint Petersburg
Fathers and Sons|Russian novels|Ivan Turgenev|1862|Bazarov|-
Doctor Zhivago|Russian novels|Boris Pasternak|1957|Yuri Zhivago|-
Buddenbrooks|German novels|Thomas Mann|1901|a family of grain merchants|Lübeck
The Metamorphosis|German novels|Franz Kafka|1915|Gregor Samsa|-
The Tin Drum|German novels|Günter Grass|1959|Oskar Matzerath|Danzig
All Quiet on the Western Front|German novels|Erich Maria Remarque|-|Paul Bäumer|the trenches of the First World War
One Hundred Years of Solitude|novels in Spanish|Gabriel García Márquez|1967|the Buendía family|Macondo
The House of the Spirits|novels in Spanish|Isabel Allende|1982|Clara del Valle|-
Don Quixote|novels in Spanish|Miguel de Cervantes|1605|Alonso Quijano|La Mancha
Pippi Longstocking|books for children|Astrid Lindgren|1945|a red-haired girl of great strength|Villa Villekulla
The Wind in the Willows|books for children|Kenneth Grahame|1908|Mole and Rat|the banks of an English river
The Jungle Book|books for children|Rudyard Kipling|1894|Mowgli|India
Anne of Green Gables|books for children|Lucy Maud Montgomery|1908|Anne Shirley|Prince Edward Island
Heidi|books for children|Johanna Spyri|-|a girl who lives with her grandfather|the Swiss Alps
The Secret Garden|books for children|Frances Hodgson Burnett|1911|Mary Lennox|Misselthwaite Manor
""",
    "composer": """
name|sex|group|work|born|place|died|dplace
Johann Sebastian Bach|m|Baroque composers|the Brandenburg Concertos|1685|Eisenach|1750|Leipzig
George Frideric Handel|m|Baroque composers|the oratorio Messiah|1685|Halle|1759|London
Antonio Vivaldi|m|Baroque composers|The Four Seasons|1678|Venice|1741|Vienna
Henry Purcell|m|Baroque composers|Dido and Aeneas|1659|London|1695|London
Joseph Haydn|m|Classical composers|The Creation|1732|Rohrau|1809|Vienna
Wolfgang Amadeus Mozart|m|Classical composers|The Magic Flute|1756|Salzburg|1791|Vienna
Ludwig van Beethoven|m|Classical composers|the Moonlight Sonata|1770|Bonn|1827|Vienna
Franz Schubert|m|Romantic composers|the song cycle Winterreise|1797|Vienna|1828|Vienna
Felix Mendelssohn|m|Romantic composers|the Hebrides overture|1809|Hamburg|1847|Leipzig
Frédéric Chopin|m|Romantic composers|the Minute Waltz|1810|Żelazowa Wola|1849|Paris
Robert Schumann|m|Romantic composers|Scenes from Childhood|1810|Zwickau|1856|Endenich
Franz Liszt|m|Romantic composers|the Hungarian Rhapsodies|1811|Raiding|1886|Bayreuth
Johannes Brahms|m|Romantic composers|A German Requiem|1833|Hamburg|1897|Vienna
Richard Wagner|m|opera composers|The Ring of the Nibelung|1813|Leipzig|1883|Venice
Giuseppe Verdi|m|opera composers|Aida|1813|Le Roncole|1901|Milan
Giacomo Puccini|m|opera composers|La bohème|1858|Lucca|1924|Brussels
Gioachino Rossini|m|opera composers|The Barber of Seville|1792|Pesaro|1868|Passy
Georges Bizet|m|opera composers|Carmen|1838|Paris|1875|Bougival
Pyotr Ilyich Tchaikovsky|m|Russian composers|Swan Lake|1840|Votkinsk|1893|Saint Petersburg
Modest Mussorgsky|m|Russian composers|Pictures at an Exhibition|1839|Karevo|1881|Saint Petersburg
Sergei Rachmaninoff|m|Russian composers|the Rhapsody on a Theme of Paganini|1873|-|1943|Beverly Hills
Igor Stravinsky|m|Russian composers|The Rite of Spring|1882|Oranienbaum|1971|New York City
Dmitri Shostakovich|m|Russian composers|the Leningrad Symphony|1906|Saint Petersburg|1975|Moscow
Antonín Dvořák|m|composers of national schools|the New World Symphony|1841|Nelahozeves|1904|Prague
Bedřich Smetana|m|composers of national schools|The Bartered Bride|1824|Litomyšl|1884|Prague
Edvard Grieg|m|composers of national schools|the music for Peer Gynt|1843|Bergen|1907|Bergen
Jean Sibelius|m|composers of national schools|Finlandia|1865|Hämeenlinna|1957|Järvenpää
Edward Elgar|m|composers of national schools|the Enigma Variations|1857|Broadheath|1934|Worcester
Claude Debussy|m|modern composers|La mer|1862|Saint-Germain-en-Laye|1918|Paris
Maurice Ravel|m|modern composers|Boléro|1875|Ciboure|1937|Paris
Gustav Mahler|m|modern composers|The Song of the Earth|1860|Kaliště|1911|Vienna
Gustav Holst|m|modern composers|The Planets|1874|Cheltenham|1934|London
George Gershwin|m|modern composers|Rhapsody in Blue|1898|New York City|1937|Los Angeles
Aaron Copland|m|modern composers|Appalachian Spring|1900|New York City|1990|-
""",
    "painting": """
name|group|painter|museum|city
the Mona Lisa|Renaissance pictures|Leonardo da Vinci|the Louvre|Paris
The Birth of Venus|Renaissance pictures|Sandro Botticelli|the Uffizi|Florence
The Garden of Earthly Delights|Renaissance pictures|Hieronymus Bosch|the Prado|Madrid
The Ambassadors|Renaissance pictures|Hans Holbein the Younger|the National Gallery|London
The Hunters in the Snow|Renaissance pictures|Pieter Bruegel the Elder|the Kunsthistorisches Museum|Vienna
The Night Watch|pictures of the seventeenth century|Rembrandt|the Rijksmuseum|Amsterdam
Girl with a Pearl Earring|pictures of the seventeenth century|Johannes Vermeer|the Mauritshuis|The Hague
Las Meninas|pictures of the seventeenth century|Diego Velázquez|the Prado|Madrid
The Laughing Cavalier|pictures of the seventeenth century|Frans Hals|the Wallace Collection|London
The Goldfinch|pictures of the seventeenth century|Carel Fabritius|the Mauritshuis|The Hague
The Blue Boy|pictures painted between 1770 and 1840|Thomas Gainsborough|the Huntington Library|San Marino
The Third of May 1808|pictures painted between 1770 and 1840|Francisco Goya|the Prado|Madrid
The Raft of the Medusa|pictures painted between 1770 and 1840|Théodore Géricault|the Louvre|Paris
Liberty Leading the People|pictures painted between 1770 and 1840|Eugène Delacroix|the Louvre|Paris
The Hay Wain|pictures painted between 1770 and 1840|John Constable|the National Gallery|London
The Fighting Temeraire|pictures painted between 1770 and 1840|J. M. W. Turner|the National Gallery|London
Olympia|pictures of nineteenth-century France|Édouard Manet|the Musée d'Orsay|Paris
Impression, Sunrise|pictures of nineteenth-century France|Claude Monet|the Musée Marmottan|Paris
A Sunday Afternoon on the Island of La Grande Jatte|pictures of nineteenth-century France|Georges Seurat|the Art Institute|Chicago
The Gleaners|pictures of nineteenth-century France|Jean-François Millet|the Musée d'Orsay|Paris
The Starry Night|modern pictures|Vincent van Gogh|the Museum of Modern Art|New York
The Kiss|modern pictures|Gustav Klimt|the Belvedere|Vienna
Guernica|modern pictures|Pablo Picasso|the Reina Sofía|Madrid
The Persistence of Memory|modern pictures|Salvador Dalí|the Museum of Modern Art|New York
Nighthawks|modern pictures|Edward Hopper|the Art Institute|Chicago
American Gothic|modern pictures|Grant Wood|the Art Institute|Chicago
Christina's World|modern pictures|Andrew Wyeth|the Museum of Modern Art|New York
The Sleeping Gypsy|modern pictures|Henri Rousseau|the Museum of Modern Art|New York
""",
    "scientist": """
name|sex|group|deed|born|place|died|prize
Isaac Newton|m|physicists before 1800|stated the law of universal gravitation|-|Woolsthorpe|1727|-
Galileo Galilei|m|astronomers|found four large moons of Jupiter|1564|Pisa|1642|-
Johannes Kepler|m|astronomers|stated three laws of planetary motion|1571|Weil der Stadt|1630|-
Nicolaus Copernicus|m|astronomers|placed the Sun at the centre of the planets|1473|Toruń|1543|-
Tycho Brahe|m|astronomers|measured the positions of stars at Uraniborg|1546|Knutstorp|1601|-
Edmond Halley|m|astronomers|predicted the return of a comet|1656|London|1742|-
William Herschel|m|astronomers|discovered the planet Uranus|1738|Hanover|1822|-
Caroline Herschel|f|astronomers|discovered several comets|1750|Hanover|1848|-
Edwin Hubble|m|astronomers|showed that galaxies recede from one another|1889|Marshfield|1953|-
Alessandro Volta|m|physicists before 1800|built the first electric battery|1745|Como|1827|-
Michael Faraday|m|physicists of the nineteenth century|discovered electromagnetic induction|1791|London|1867|-
James Clerk Maxwell|m|physicists of the nineteenth century|wrote the equations of electromagnetism|1831|Edinburgh|1879|-
James Prescott Joule|m|physicists of the nineteenth century|measured the mechanical equivalent of heat|1818|Salford|1889|-
Georg Ohm|m|physicists of the nineteenth century|related current to voltage and resistance|1789|Erlangen|1854|-
Heinrich Hertz|m|physicists of the nineteenth century|produced and detected radio waves|1857|Hamburg|1894|-
Wilhelm Röntgen|m|Nobel laureates in physics|discovered X-rays|1845|Lennep|1923|1901
J. J. Thomson|m|Nobel laureates in physics|discovered the electron|1856|Manchester|1940|1906
Max Planck|m|Nobel laureates in physics|introduced the quantum of action|1858|Kiel|1947|1918
Albert Einstein|m|Nobel laureates in physics|formulated the theory of relativity|1879|Ulm|1955|1921
Niels Bohr|m|Nobel laureates in physics|proposed a model of the atom with fixed orbits|1885|Copenhagen|1962|1922
Werner Heisenberg|m|Nobel laureates in physics|stated the uncertainty principle|1901|Würzburg|1976|1932
Erwin Schrödinger|m|Nobel laureates in physics|found the wave equation of quantum mechanics|1887|Vienna|1961|1933
Paul Dirac|m|Nobel laureates in physics|predicted the existence of antimatter|1902|Bristol|1984|1933
Enrico Fermi|m|Nobel laureates in physics|built the first nuclear reactor|1901|Rome|1954|1938
Richard Feynman|m|Nobel laureates in physics|drew the diagrams of particle interactions that bear his name|1918|New York City|1988|1965
Maria Goeppert Mayer|f|Nobel laureates in physics|proposed the shell model of the nucleus|1906|Kattowitz|1972|1963
Marie Curie|f|Nobel laureates in chemistry|discovered polonium and radium|1867|Warsaw|1934|1911
Ernest Rutherford|m|Nobel laureates in chemistry|discovered the atomic nucleus|1871|Brightwater|1937|1908
Fritz Haber|m|Nobel laureates in chemistry|synthesised ammonia from nitrogen and hydrogen|1868|Breslau|1934|1918
Dorothy Hodgkin|f|Nobel laureates in chemistry|solved the structure of penicillin and vitamin B12|1910|Cairo|1994|1964
Linus Pauling|m|Nobel laureates in chemistry|explained the nature of the chemical bond|1901|Portland|1994|1954
Irène Joliot-Curie|f|Nobel laureates in chemistry|made artificial radioactive elements|1897|Paris|1956|1935
Otto Hahn|m|Nobel laureates in chemistry|discovered nuclear fission|1879|Frankfurt|1968|1944
Antoine Lavoisier|m|chemists|explained combustion by the role of oxygen|1743|Paris|1794|-
John Dalton|m|chemists|proposed the modern atomic theory|1766|Eaglesfield|1844|-
Dmitri Mendeleev|m|chemists|arranged the elements in a periodic table|1834|Tobolsk|1907|-
Friedrich Wöhler|m|chemists|made urea from inorganic matter|1800|Eschersheim|1882|-
Charles Darwin|m|life scientists|put forward evolution by natural selection|1809|Shrewsbury|1882|-
Gregor Mendel|m|life scientists|discovered the laws of heredity in peas|1822|Heinzendorf|1884|-
Louis Pasteur|m|life scientists|made a vaccine against rabies|1822|Dole|1895|-
Carl Linnaeus|m|life scientists|gave plants and animals two-part Latin names|1707|Råshult|1778|-
Robert Koch|m|life scientists|identified the bacterium of tuberculosis|1843|Clausthal|1910|1905
Alexander Fleming|m|life scientists|discovered penicillin|1881|Lochfield|1955|1945
Barbara McClintock|f|life scientists|found that genes can move along chromosomes|1902|Hartford|1992|1983
Rita Levi-Montalcini|f|life scientists|discovered nerve growth factor|1909|Turin|2012|1986
Leonhard Euler|m|mathematicians|solved the problem of the Königsberg bridges|1707|Basel|1783|-
Carl Friedrich Gauss|m|mathematicians|constructed the regular polygon of seventeen sides|1777|Brunswick|1855|-
Emmy Noether|f|mathematicians|linked symmetries with conservation laws|1882|Erlangen|1935|-
Ada Lovelace|f|mathematicians|wrote notes on the Analytical Engine|1815|London|1852|-
Alan Turing|m|mathematicians|described a universal computing machine|1912|London|1954|-
Kurt Gödel|m|mathematicians|proved the incompleteness theorems|1906|Brno|1978|-
Sofia Kovalevskaya|f|mathematicians|studied the rotation of a solid body about a fixed point|1850|Moscow|1891|-
Srinivasa Ramanujan|m|mathematicians|found remarkable infinite series for pi|1887|Erode|1920|-
""",
    "invention": """
name|group|maker|year|land|use
the miner's safety lamp|inventions of the industrial age|Humphry Davy|1815|England|giving light in mines that hold explosive gas
the spinning jenny|inventions of the industrial age|James Hargreaves|1764|England|spinning several threads at once
the cotton gin|inventions of the industrial age|Eli Whitney|1793|the United States|separating cotton fibres from seeds
the flying shuttle|inventions of the industrial age|John Kay|1733|England|weaving wide cloth quickly
the mechanical reaper|inventions of the industrial age|Cyrus McCormick|1831|the United States|harvesting grain
the Jacquard loom|inventions of the industrial age|Joseph Marie Jacquard|1804|France|weaving patterns from punched cards
the lightning rod|inventions in electricity|Benjamin Franklin|-|America|protecting buildings in thunderstorms
the voltaic pile|inventions in electricity|Alessandro Volta|1800|Italy|supplying a steady electric current
the electromagnet|inventions in electricity|William Sturgeon|1824|England|lifting iron by means of a current
dynamite|inventions in chemistry and materials|Alfred Nobel|1867|-|blasting rock
vulcanised rubber|inventions in chemistry and materials|Charles Goodyear|1839|the United States|making rubber that stays firm in heat
the safety match|inventions in chemistry and materials|Gustaf Erik Pasch|1844|Sweden|lighting fire on a prepared surface
Bakelite|inventions in chemistry and materials|Leo Baekeland|1907|the United States|moulding insulating parts
nylon|inventions in chemistry and materials|Wallace Carothers|1935|the United States|making stockings and ropes
Velcro|inventions in chemistry and materials|George de Mestral|-|Switzerland|fastening clothes and bags
Portland cement|inventions in chemistry and materials|Joseph Aspdin|1824|England|building in concrete
mauveine|inventions in chemistry and materials|William Henry Perkin|1856|England|dyeing silk purple
the telephone|inventions in communication|Alexander Graham Bell|1876|the United States|carrying speech over wires
the phonograph|inventions in communication|Thomas Edison|1877|the United States|recording and playing sound
the gramophone record|inventions in communication|Emile Berliner|1887|the United States|storing sound on flat discs
the braille alphabet|inventions in communication|Louis Braille|1824|France|reading by touch
the World Wide Web|inventions in communication|Tim Berners-Lee|1989|Switzerland|linking documents over the internet
the computer mouse|inventions in communication|Douglas Engelbart|1964|the United States|pointing on a screen
the cinematograph|inventions in communication|Auguste and Louis Lumière|1895|France|projecting moving pictures
the daguerreotype|inventions in communication|Louis Daguerre|1839|France|fixing photographs on silvered plates
the thermos flask|inventions of laboratory and clinic|James Dewar|1892|England|keeping liquids hot or cold
the stethoscope|inventions of laboratory and clinic|René Laennec|1816|France|listening to the heart and lungs
the mercury thermometer|inventions of laboratory and clinic|Daniel Gabriel Fahrenheit|1714|the Netherlands|measuring temperature
the barometer|inventions of laboratory and clinic|Evangelista Torricelli|1643|Italy|measuring the pressure of the air
the electrocardiograph|inventions of laboratory and clinic|Willem Einthoven|-|the Netherlands|recording the beat of the heart
the pendulum clock|inventions of laboratory and clinic|Christiaan Huygens|1656|the Netherlands|keeping time accurately
the marine chronometer|inventions of laboratory and clinic|John Harrison|-|England|finding longitude at sea
the hot-air balloon|inventions in transport|the Montgolfier brothers|1783|France|carrying people through the air
the safety elevator|inventions in transport|Elisha Otis|1852|the United States|lifting people without danger of falling
the pneumatic tyre|inventions in transport|John Boyd Dunlop|1888|Ireland|making bicycles ride smoothly
the air brake|inventions in transport|George Westinghouse|1869|the United States|stopping railway trains
the diesel engine|inventions in transport|Rudolf Diesel|1892|Germany|driving ships and lorries
the hovercraft|inventions in transport|Christopher Cockerell|1955|England|crossing water on a cushion of air
the gyrocompass|inventions in transport|Hermann Anschütz-Kaempfe|1908|Germany|finding true north on ships
the saxophone|inventions for music and play|Adolphe Sax|1846|-|playing in bands
the piano|inventions for music and play|Bartolomeo Cristofori|1700|Italy|playing soft and loud notes
the theremin|inventions for music and play|Leon Theremin|1920|Russia|playing music without touch
basketball|inventions for music and play|James Naismith|1891|the United States|indoor sport in winter
the Rubik's Cube|inventions for music and play|Ernő Rubik|1974|Hungary|solving as a puzzle
the ballpoint pen|inventions of everyday life|László Bíró|1938|-|writing with quick-drying ink
the safety pin|inventions of everyday life|Walter Hunt|1849|the United States|fastening cloth
the microwave oven|inventions of everyday life|Percy Spencer|1945|the United States|heating food
barbed wire|inventions of everyday life|Joseph Glidden|1874|the United States|fencing cattle
canned food|inventions of everyday life|Nicolas Appert|1809|France|preserving meals for long journeys
the disposable safety razor blade|inventions of everyday life|King Camp Gillette|1901|the United States|shaving
""",
    "river": """
name|group|source|mouth|city|land
the Danube|rivers of central Europe|the Black Forest|the Black Sea|Vienna|Austria
the Rhine|rivers of central Europe|the Swiss Alps|the North Sea|Cologne|Germany
the Elbe|rivers of central Europe|the Giant Mountains|the North Sea|Dresden|Germany
the Oder|rivers of central Europe|-|the Baltic Sea|Wrocław|Poland
the Vistula|rivers of central Europe|the Beskids|the Baltic Sea|Warsaw|Poland
the Vltava|rivers of central Europe|the Bohemian Forest|the Elbe|Prague|the Czech Republic
the Rhône|rivers of western and southern Europe|the Rhône Glacier|the Mediterranean Sea|Lyon|France
the Loire|rivers of western and southern Europe|the Massif Central|the Bay of Biscay|Nantes|France
the Seine|rivers of western and southern Europe|the Langres plateau|the English Channel|Paris|France
the Garonne|rivers of western and southern Europe|the Pyrenees|the Gironde estuary|Toulouse|France
the Po|rivers of western and southern Europe|the Cottian Alps|the Adriatic Sea|Turin|Italy
the Tiber|rivers of western and southern Europe|Mount Fumaiolo|the Tyrrhenian Sea|Rome|Italy
the Ebro|rivers of western and southern Europe|the Cantabrian Mountains|the Mediterranean Sea|Zaragoza|Spain
the Douro|rivers of western and southern Europe|-|the Atlantic Ocean|Porto|Portugal
the Thames|rivers of western and southern Europe|the Cotswolds|the North Sea|Oxford|England
the Volga|rivers of Russia and its neighbours|the Valdai Hills|the Caspian Sea|Kazan|Russia
the Don|rivers of Russia and its neighbours|-|the Sea of Azov|Rostov|Russia
the Dnieper|rivers of Russia and its neighbours|the Valdai Hills|the Black Sea|Kyiv|Ukraine
the Lena|rivers of Russia and its neighbours|the Baikal Mountains|the Laptev Sea|Yakutsk|Russia
the Ob|rivers of Russia and its neighbours|the Altai Mountains|the Kara Sea|Novosibirsk|Russia
the Yenisei|rivers of Russia and its neighbours|-|the Kara Sea|Krasnoyarsk|Russia
the Yangtze|rivers of Asia|the Tibetan Plateau|the East China Sea|Wuhan|China
the Yellow River|rivers of Asia|-|the Bohai Sea|Lanzhou|China
the Mekong|rivers of Asia|the Tibetan Plateau|the South China Sea|Phnom Penh|Cambodia
the Irrawaddy|rivers of Asia|-|the Andaman Sea|Mandalay|Myanmar
the Ganges|rivers of Asia|the Gangotri Glacier|the Bay of Bengal|Varanasi|India
the Indus|rivers of Asia|the Tibetan Plateau|the Arabian Sea|Hyderabad|Pakistan
the Tigris|rivers of Asia|the Taurus Mountains|the Shatt al-Arab|Baghdad|Iraq
the Jordan|rivers of Asia|the slopes of Mount Hermon|the Dead Sea|-|-
the Blue Nile|rivers of Africa|Lake Tana|the White Nile|-|Ethiopia
the Niger|rivers of Africa|the Guinea Highlands|the Gulf of Guinea|Bamako|Mali
the Zambezi|rivers of Africa|-|the Indian Ocean|-|Zambia
the Orange River|rivers of Africa|the Drakensberg|the Atlantic Ocean|Upington|South Africa
the Senegal|rivers of Africa|-|the Atlantic Ocean|Saint-Louis|Mali
the Mississippi|rivers of North America|Lake Itasca|the Gulf of Mexico|Memphis|the United States
the Missouri|rivers of North America|the Rocky Mountains of Montana|the Mississippi|Omaha|the United States
the Colorado|rivers of North America|the Rocky Mountains of Colorado|the Gulf of California|Yuma|the United States
the Saint Lawrence|rivers of North America|Lake Ontario|the Gulf of Saint Lawrence|Montreal|Canada
the Mackenzie|rivers of North America|Great Slave Lake|the Beaufort Sea|-|Canada
the Yukon|rivers of North America|-|the Bering Sea|Whitehorse|Canada
the Hudson|rivers of North America|the Adirondacks|New York Harbor|Albany|the United States
the Orinoco|rivers of South America|the Parima Mountains|the Atlantic Ocean|Ciudad Bolívar|Venezuela
the Magdalena|rivers of South America|the Colombian Andes|the Caribbean Sea|Barranquilla|Colombia
the Paraná|rivers of South America|-|the Río de la Plata|Rosario|Argentina
the Darling|rivers of Australia and New Zealand|-|the Murray|Bourke|Australia
the Murray|rivers of Australia and New Zealand|the Australian Alps|the Southern Ocean|Albury|Australia
the Waikato|rivers of Australia and New Zealand|-|the Tasman Sea|Hamilton|New Zealand
""",
    "mountain": """
name|group|height|range|land|year|climber
Mount Everest|high mountains of Asia|8,849|the Himalayas|Nepal|1953|Edmund Hillary and Tenzing Norgay
K2|high mountains of Asia|8,611|the Karakoram|Pakistan|1954|Achille Compagnoni and Lino Lacedelli
Kangchenjunga|high mountains of Asia|8,586|the Himalayas|Nepal|1955|Joe Brown and George Band
Lhotse|high mountains of Asia|8,516|the Himalayas|Nepal|1956|Ernst Reiss and Fritz Luchsinger
Makalu|high mountains of Asia|8,485|the Himalayas|Nepal|1955|Jean Couzy and Lionel Terray
Nanga Parbat|high mountains of Asia|8,126|the Himalayas|Pakistan|1953|Hermann Buhl
Annapurna|high mountains of Asia|8,091|the Himalayas|Nepal|1950|Maurice Herzog and Louis Lachenal
Broad Peak|high mountains of Asia|8,051|the Karakoram|Pakistan|1957|an Austrian party led by Marcus Schmuck
Mount Damavand|mountains of western Asia|-|the Alborz|Iran|-|-
Mount Ararat|mountains of western Asia|5,137|-|Turkey|1829|Friedrich Parrot
Mount Elbrus|mountains of the Caucasus|5,642|the Caucasus|Russia|-|-
Ushba|mountains of the Caucasus|-|the Caucasus|Georgia|-|-
Mont Blanc|mountains of the Alps|-|the Graian Alps|France|1786|Jacques Balmat and Michel-Gabriel Paccard
the Matterhorn|mountains of the Alps|4,478|the Pennine Alps|Switzerland|1865|a party led by Edward Whymper
the Eiger|mountains of the Alps|3,967|the Bernese Alps|Switzerland|1858|Charles Barrington
the Jungfrau|mountains of the Alps|4,158|the Bernese Alps|Switzerland|1811|the Meyer brothers
the Grossglockner|mountains of the Alps|3,798|the High Tauern|Austria|1800|-
the Zugspitze|mountains of the Alps|2,962|the Wetterstein|Germany|1820|Josef Naus
Triglav|mountains of the Alps|2,864|the Julian Alps|Slovenia|1778|-
Aneto|mountains of western Europe|3,404|the Pyrenees|Spain|1842|-
Mulhacén|mountains of western Europe|3,479|the Sierra Nevada|Spain|-|-
Ben Nevis|mountains of western Europe|1,345|the Grampians|Scotland|1771|James Robertson
Snowdon|mountains of western Europe|1,085|-|Wales|-|-
Scafell Pike|mountains of western Europe|978|-|England|-|-
Mount Olympus|mountains of southern and eastern Europe|-|-|Greece|1913|Christos Kakkalos with two Swiss climbers
Musala|mountains of southern and eastern Europe|2,925|the Rila|Bulgaria|-|-
Mount Etna|mountains of southern and eastern Europe|-|-|Italy|-|-
Kilimanjaro|mountains of Africa|5,895|-|Tanzania|1889|Hans Meyer and Ludwig Purtscheller
Mount Kenya|mountains of Africa|5,199|-|Kenya|1899|Halford Mackinder
Margherita Peak|mountains of Africa|5,109|the Rwenzori|Uganda|1906|the Duke of the Abruzzi
Toubkal|mountains of Africa|4,167|the High Atlas|Morocco|1923|the Marquis de Segonzac
Denali|mountains of North America|6,190|the Alaska Range|the United States|1913|a party led by Hudson Stuck
Mount Logan|mountains of North America|5,959|the Saint Elias Mountains|Canada|1925|-
Pico de Orizaba|mountains of North America|5,636|-|Mexico|1848|-
Mount Robson|mountains of North America|3,954|the Canadian Rockies|Canada|1913|Conrad Kain
Mount Rainier|mountains of North America|4,392|the Cascades|the United States|1870|Hazard Stevens and Philemon Van Trump
Mount Whitney|mountains of North America|4,421|the Sierra Nevada|the United States|1873|-
Aconcagua|mountains of South America|6,961|the Andes|Argentina|1897|Matthias Zurbriggen
Chimborazo|mountains of South America|6,263|the Andes|Ecuador|1880|Edward Whymper
Huascarán|mountains of South America|6,768|the Cordillera Blanca|Peru|-|-
Fitz Roy|mountains of South America|3,405|the Andes|Argentina|1952|Lionel Terray and Guido Magnone
Aoraki|mountains of Oceania and Antarctica|3,724|the Southern Alps|New Zealand|1894|Tom Fyfe, George Graham and Jack Clarke
Mount Kosciuszko|mountains of Oceania and Antarctica|2,228|the Snowy Mountains|Australia|-|-
Mount Wilhelm|mountains of Oceania and Antarctica|4,509|the Bismarck Range|Papua New Guinea|1938|-
Mount Vinson|mountains of Oceania and Antarctica|4,892|the Sentinel Range|Antarctica|1966|-
Mount Erebus|mountains of Oceania and Antarctica|3,794|-|Antarctica|1908|-
Mount Fuji|mountains of East Asia|3,776|-|Japan|-|-
Mount Kinabalu|mountains of East Asia|4,095|the Crocker Range|Malaysia|-|-
""",
    "moon": """
name|group|planet|finder|year|namesake
Io|moons of the giant planets|Jupiter|Galileo Galilei|1610|a priestess of Hera
Europa|moons of the giant planets|Jupiter|Galileo Galilei|1610|a princess of Tyre
Ganymede|moons of the giant planets|Jupiter|Galileo Galilei|1610|the cupbearer of the gods
Callisto|moons of the giant planets|Jupiter|Galileo Galilei|1610|a nymph who was turned into a bear
Amalthea|moons of the giant planets|Jupiter|Edward Emerson Barnard|1892|the nurse of the infant Zeus
Titan|moons of Saturn|Saturn|Christiaan Huygens|1655|the elder gods of Greek myth
Iapetus|moons of Saturn|Saturn|Giovanni Domenico Cassini|1671|a Titan who was the father of Atlas
Rhea|moons of Saturn|Saturn|Giovanni Domenico Cassini|1672|the mother of Zeus
Tethys|moons of Saturn|Saturn|Giovanni Domenico Cassini|1684|a Titaness of the sea
Dione|moons of Saturn|Saturn|Giovanni Domenico Cassini|1684|the mother of Aphrodite in Homer
Mimas|moons of Saturn|Saturn|William Herschel|1789|a giant slain in the war with the gods
Enceladus|moons of Saturn|Saturn|William Herschel|1789|a giant said to be buried under Etna
Hyperion|moons of Saturn|Saturn|William Lassell and the Bonds|1848|the Titan who fathered the Sun
Phoebe|moons of Saturn|Saturn|William Henry Pickering|1899|the grandmother of Apollo
Titania|moons of Uranus|Uranus|William Herschel|1787|the fairy queen of A Midsummer Night's Dream
Oberon|moons of Uranus|Uranus|William Herschel|1787|the fairy king of A Midsummer Night's Dream
Ariel|moons of Uranus|Uranus|William Lassell|1851|a spirit in The Tempest
Umbriel|moons of Uranus|Uranus|William Lassell|1851|a sprite in The Rape of the Lock
Miranda|moons of Uranus|Uranus|Gerard Kuiper|1948|the daughter of Prospero
Triton|outer moons|Neptune|William Lassell|1846|a son of Poseidon
Nereid|outer moons|Neptune|Gerard Kuiper|1949|the sea nymphs
Charon|outer moons|Pluto|James Christy|1978|the ferryman of the dead
Phobos|outer moons|Mars|Asaph Hall|1877|the Greek personification of fear
Deimos|outer moons|Mars|Asaph Hall|1877|the Greek personification of dread
Ceres|planets and asteroids|-|Giuseppe Piazzi|1801|the Roman goddess of grain
Pallas|planets and asteroids|-|Heinrich Olbers|1802|a name of Athena
Juno|planets and asteroids|-|Karl Ludwig Harding|1804|the Roman queen of the gods
Vesta|planets and asteroids|-|Heinrich Olbers|1807|the Roman goddess of the hearth
Uranus|planets and asteroids|-|William Herschel|1781|the Greek god of the sky
Neptune|planets and asteroids|-|Johann Galle|1846|the Roman god of the sea
Pluto|planets and asteroids|-|Clyde Tombaugh|1930|the god of the underworld
Eros|planets and asteroids|-|Gustav Witt|1898|the Greek god of love
""",
    "landmark": """
name|group|city|year|maker|kind
the Eiffel Tower|towers and monuments|Paris|1889|Gustave Eiffel's company|iron tower
the Statue of Liberty|towers and monuments|New York|1886|Frédéric Auguste Bartholdi|copper statue
Nelson's Column|towers and monuments|London|1843|William Railton|granite column
the Washington Monument|towers and monuments|Washington, D.C.|1884|Robert Mills|marble obelisk
the Gateway Arch|towers and monuments|St. Louis|1965|Eero Saarinen|steel arch
the Space Needle|towers and monuments|Seattle|1962|-|observation tower
the Atomium|towers and monuments|Brussels|1958|André Waterkeyn|model of an iron crystal
Christ the Redeemer|towers and monuments|Rio de Janeiro|1931|Paul Landowski|soapstone-clad statue
the Little Mermaid|towers and monuments|Copenhagen|1913|Edvard Eriksen|bronze statue
the Brandenburg Gate|towers and monuments|Berlin|1791|Carl Gotthard Langhans|sandstone gate
the Arc de Triomphe|towers and monuments|Paris|1836|Jean-François Chalgrin|triumphal arch
St Paul's Cathedral|churches and temples|London|-|Christopher Wren|domed cathedral
Florence Cathedral|churches and temples|Florence|1436|Filippo Brunelleschi|domed cathedral
the Sagrada Família|churches and temples|Barcelona|-|Antoni Gaudí|unfinished basilica
Hagia Sophia|churches and temples|Istanbul|537|Isidore of Miletus and Anthemius of Tralles|domed church
Coventry Cathedral|churches and temples|Coventry|1962|Basil Spence|modern cathedral
the Cathedral of Brasília|churches and temples|Brasília|1970|Oscar Niemeyer|concrete cathedral
the Parthenon|churches and temples|Athens|-|Ictinus and Callicrates|marble temple
the Sydney Opera House|theatres and museums|Sydney|1973|Jørn Utzon|performing arts centre
the Palais Garnier|theatres and museums|Paris|1875|Charles Garnier|opera house
the Semperoper|theatres and museums|Dresden|-|Gottfried Semper|opera house
the Centre Pompidou|theatres and museums|Paris|1977|Renzo Piano and Richard Rogers|arts centre
the Guggenheim Museum Bilbao|theatres and museums|Bilbao|1997|Frank Gehry|titanium-clad museum
the Altes Museum|theatres and museums|Berlin|1830|Karl Friedrich Schinkel|museum of antiquities
the Royal Albert Hall|theatres and museums|London|1871|Francis Fowke and Henry Scott|concert hall
the Empire State Building|tall buildings and halls|New York|1931|William Lamb|Art Deco skyscraper
the Chrysler Building|tall buildings and halls|New York|1930|William Van Alen|Art Deco skyscraper
the Seagram Building|tall buildings and halls|New York|1958|Ludwig Mies van der Rohe|bronze and glass tower
the Burj Khalifa|tall buildings and halls|Dubai|2010|Adrian Smith|supertall skyscraper
Taipei 101|tall buildings and halls|Taipei|2004|C. Y. Lee|supertall skyscraper
the Shard|tall buildings and halls|London|2012|Renzo Piano|glass skyscraper
Turning Torso|tall buildings and halls|Malmö|2005|Santiago Calatrava|twisted tower
the Crystal Palace|tall buildings and halls|London|1851|Joseph Paxton|exhibition hall of iron and glass
the Woolworth Building|tall buildings and halls|New York|1913|Cass Gilbert|neo-Gothic skyscraper
the Golden Gate Bridge|bridges|San Francisco|1937|Joseph Strauss|suspension bridge
the Brooklyn Bridge|bridges|New York|1883|John Augustus Roebling|suspension bridge
the Clifton Suspension Bridge|bridges|Bristol|1864|Isambard Kingdom Brunel|suspension bridge
the Rialto Bridge|bridges|Venice|1591|Antonio da Ponte|stone arch bridge
the Dom Luís I Bridge|bridges|Porto|1886|Théophile Seyrig|iron arch bridge
the Sydney Harbour Bridge|bridges|Sydney|1932|-|steel arch bridge
Tower Bridge|bridges|London|1894|Horace Jones|bascule bridge
""",
    "film": """
name|group|director|year|star
Metropolis|films before 1940|Fritz Lang|1927|Brigitte Helm
Nosferatu|films before 1940|F. W. Murnau|1922|Max Schreck
Battleship Potemkin|films before 1940|Sergei Eisenstein|1925|-
The Gold Rush|films before 1940|Charlie Chaplin|1925|-
M|films before 1940|Fritz Lang|1931|-
It Happened One Night|films before 1940|Frank Capra|1934|Clark Gable
Stagecoach|films before 1940|John Ford|1939|John Wayne
Citizen Kane|films of the 1940s and 1950s|Orson Welles|1941|-
Casablanca|films of the 1940s and 1950s|Michael Curtiz|1942|Humphrey Bogart
Bicycle Thieves|films of the 1940s and 1950s|Vittorio De Sica|1948|Lamberto Maggiorani
The Third Man|films of the 1940s and 1950s|Carol Reed|1949|Joseph Cotten
Rashomon|films of the 1940s and 1950s|Akira Kurosawa|1950|Toshiro Mifune
Sunset Boulevard|films of the 1940s and 1950s|Billy Wilder|1950|Gloria Swanson
Singin' in the Rain|films of the 1940s and 1950s|Gene Kelly and Stanley Donen|1952|-
Tokyo Story|films of the 1940s and 1950s|Yasujirō Ozu|1953|Chishū Ryū
The Seventh Seal|films of the 1940s and 1950s|Ingmar Bergman|1957|Max von Sydow
Vertigo|films of the 1940s and 1950s|Alfred Hitchcock|1958|James Stewart
Psycho|films of the 1960s and 1970s|Alfred Hitchcock|1960|Anthony Perkins
La Dolce Vita|films of the 1960s and 1970s|Federico Fellini|1960|Marcello Mastroianni
Lawrence of Arabia|films of the 1960s and 1970s|David Lean|1962|Peter O'Toole
The Sound of Music|films of the 1960s and 1970s|Robert Wise|1965|Julie Andrews
2001: A Space Odyssey|films of the 1960s and 1970s|Stanley Kubrick|1968|Keir Dullea
The Godfather|films of the 1960s and 1970s|Francis Ford Coppola|1972|Marlon Brando
Solaris|films of the 1960s and 1970s|Andrei Tarkovsky|1972|Donatas Banionis
Chinatown|films of the 1960s and 1970s|Roman Polanski|1974|Jack Nicholson
Jaws|films of the 1960s and 1970s|Steven Spielberg|1975|Roy Scheider
Taxi Driver|films of the 1960s and 1970s|Martin Scorsese|1976|Robert De Niro
Star Wars|films of the 1960s and 1970s|George Lucas|1977|Mark Hamill
Alien|films of the 1960s and 1970s|Ridley Scott|1979|Sigourney Weaver
Blade Runner|films since 1980|Ridley Scott|1982|Rutger Hauer
Gandhi|films since 1980|Richard Attenborough|1982|Ben Kingsley
Amadeus|films since 1980|Miloš Forman|1984|F. Murray Abraham
Back to the Future|films since 1980|Robert Zemeckis|1985|Michael J. Fox
The Piano|films since 1980|Jane Campion|1993|Holly Hunter
Fargo|films since 1980|Joel Coen|1996|Frances McDormand
Titanic|films since 1980|James Cameron|1997|Kate Winslet
Spirited Away|films since 1980|Hayao Miyazaki|2001|-
Lost in Translation|films since 1980|Sofia Coppola|2003|Bill Murray
Parasite|films since 1980|Bong Joon-ho|2019|Song Kang-ho
""",
    "battle": """
name|group|year|war|winner|loser
the Battle of Marathon|battles of antiquity|490 BC|the Greco-Persian Wars|Miltiades|the Persians
the Battle of Salamis|battles of antiquity|480 BC|the Greco-Persian Wars|Themistocles|the fleet of Xerxes
the Battle of Gaugamela|battles of antiquity|331 BC|-|Alexander the Great|Darius III
the Battle of Cannae|battles of antiquity|216 BC|the Second Punic War|Hannibal|the Romans
the Battle of Zama|battles of antiquity|202 BC|the Second Punic War|Scipio|Hannibal
the Battle of Actium|battles of antiquity|31 BC|-|Octavian|Mark Antony and Cleopatra
the Battle of Hastings|battles of the Middle Ages|1066|the Norman Conquest|William of Normandy|Harold Godwinson
the Battle of Hattin|battles of the Middle Ages|1187|-|Saladin|the Crusaders
the Battle of Bannockburn|battles of the Middle Ages|1314|the First War of Scottish Independence|Robert the Bruce|Edward II
the Battle of Crécy|battles of the Middle Ages|1346|the Hundred Years' War|Edward III|Philip VI
the Battle of Agincourt|battles of the Middle Ages|1415|the Hundred Years' War|Henry V|the French
the Battle of Bosworth|battles of the Middle Ages|1485|the Wars of the Roses|Henry Tudor|Richard III
the Battle of Naseby|battles of the seventeenth and eighteenth centuries|1645|the English Civil War|the army of Parliament under Thomas Fairfax|Charles I
the Battle of Blenheim|battles of the seventeenth and eighteenth centuries|1704|the War of the Spanish Succession|the Duke of Marlborough and Prince Eugene|the French and Bavarians
the Battle of Poltava|battles of the seventeenth and eighteenth centuries|1709|the Great Northern War|Peter the Great|Charles XII
the Battle of Culloden|battles of the seventeenth and eighteenth centuries|1746|the Jacobite rising|the Duke of Cumberland|Charles Edward Stuart
the Battle of Rossbach|battles of the seventeenth and eighteenth centuries|1757|the Seven Years' War|Frederick the Great|the French
the Battle of Plassey|battles of the seventeenth and eighteenth centuries|1757|the Seven Years' War|Robert Clive|the Nawab of Bengal
the Battle of the Nile|battles of the age of Napoleon|1798|the French Revolutionary Wars|Horatio Nelson|the French fleet
the Battle of Marengo|battles of the age of Napoleon|1800|the French Revolutionary Wars|Napoleon|the Austrians
the Battle of Trafalgar|battles of the age of Napoleon|1805|the Napoleonic Wars|Horatio Nelson|the French and Spanish fleets
the Battle of Austerlitz|battles of the age of Napoleon|1805|the Napoleonic Wars|Napoleon|the Russians and Austrians
the Battle of Vitoria|battles of the age of Napoleon|1813|the Peninsular War|the Duke of Wellington|Joseph Bonaparte
the Battle of Boyacá|battles of the nineteenth century|1819|the wars of independence in South America|Simón Bolívar|the Spanish
the Battle of Navarino|battles of the nineteenth century|1827|the Greek War of Independence|Admiral Codrington|the Ottoman and Egyptian fleet
the Battle of Gettysburg|battles of the nineteenth century|1863|the American Civil War|George Meade|Robert E. Lee
the Battle of Königgrätz|battles of the nineteenth century|1866|the Austro-Prussian War|Helmuth von Moltke|the Austrians
the Battle of Sedan|battles of the nineteenth century|1870|the Franco-Prussian War|Helmuth von Moltke|Napoleon III
the Battle of Adwa|battles of the nineteenth century|1896|the First Italo-Ethiopian War|Menelik II|the Italians
the Battle of Tsushima|battles of the twentieth century|1905|the Russo-Japanese War|Admiral Togo|the Russian fleet
the Battle of Tannenberg|battles of the twentieth century|1914|the First World War|Paul von Hindenburg|the Russians
the Battle of Midway|battles of the twentieth century|1942|the Second World War|Chester Nimitz|the Japanese fleet
the Battle of Dien Bien Phu|battles of the twentieth century|1954|the First Indochina War|Vo Nguyen Giap|the French
""",
    "tongue": """
name|group|maker|year|namesake
Python|scripting languages|Guido van Rossum|1991|the comedy group Monty Python
Perl|scripting languages|Larry Wall|1987|-
Ruby|scripting languages|Yukihiro Matsumoto|1995|a gemstone
PHP|scripting languages|Rasmus Lerdorf|1995|-
JavaScript|scripting languages|Brendan Eich|1995|-
Lua|scripting languages|Roberto Ierusalimschy and colleagues|1993|the Portuguese word for the Moon
Pascal|teaching languages|Niklaus Wirth|1970|the mathematician Blaise Pascal
BASIC|teaching languages|John Kemeny and Thomas Kurtz|1964|-
Logo|teaching languages|Seymour Papert and colleagues|1967|the Greek word for word
Fortran|early programming languages|John Backus|1957|the phrase formula translation
Lisp|early programming languages|John McCarthy|1958|the phrase list processing
APL|early programming languages|Kenneth Iverson|-|the book A Programming Language
Prolog|early programming languages|Alain Colmerauer|1972|a French phrase for programming in logic
C++|systems languages|Bjarne Stroustrup|1985|the increment operator of C
C|systems languages|Dennis Ritchie|1972|the language B before it
Java|systems languages|James Gosling|1995|a kind of coffee
Scala|functional and mixed languages|Martin Odersky|2004|the phrase scalable language
Clojure|functional and mixed languages|Rich Hickey|2007|-
Erlang|functional and mixed languages|Joe Armstrong and colleagues|-|the mathematician Agner Krarup Erlang
Swift|functional and mixed languages|Chris Lattner and colleagues|2014|-
""",
}

# --------------------------------------------------------------------------------------------
# The wordings. For each relation: how passages say it, how training questions ask for it, how
# test questions ask for it (other words, mostly further from the passages), and, where the task
# needs them, claims (FEVER) and yes/no questions (BoolQ).
# {s} the subject or its pronoun, {p} the same in the possessive, {v} the value.
# --------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Relation:
    says: list[str]
    asks: list[str]
    hard: list[str]
    claims: list[str] = field(default_factory=list)
    polar: list[str] = field(default_factory=list)


R = Relation
RELATIONS: dict[str, Relation] = {
    # elements
    "element.symbol": R(
        [
            "{p} chemical symbol is {v}.",
            "Chemists write {s} as {v} for short.",
            "The letters {v} stand for {s} in formulas.",
        ],
        ["what is the chemical symbol of {s}", "which symbol do chemists write for {s}"],
        ["how is {s} abbreviated in a formula", "letters that stand for {s} on the periodic table"],
    ),
    "element.number": R(
        [
            "{p} atomic number is {v}.",
            "With {v} protons in the nucleus, {s} has its fixed place in the table.",
            "A nucleus of {s} always holds {v} protons.",
        ],
        ["what is the atomic number of {s}", "how many protons does a nucleus of {s} hold"],
        ["at which position does {s} stand in the periodic table", "how many positive particles sit in an atom of {s}"],
    ),
    "element.finder": R(
        [
            "It was {v} who first identified {s}.",
            "{s} was first obtained by {v}.",
            "The credit for finding {s} goes to {v}.",
        ],
        ["who first identified the element {s}", "who gets the credit for finding {s}"],
        ["whose laboratory work gave the world {s}", "name of the scientist behind the discovery of {s}"],
        polar=["was {s} first found by {v}", "did {v} discover {s}"],
    ),
    "element.year": R(
        [
            "The discovery of {s} dates from {v}.",
            "Since {v} {s} has been known to science.",
            "{s} entered the textbooks after experiments made in {v}.",
        ],
        ["when was {s} discovered", "from which year does the discovery of {s} date"],
        ["how long has science known {s}, since what year", "what year did {s} become known"],
        polar=["has {s} been known since {v}", "was {s} discovered in {v}"],
    ),
    "element.land": R(
        [
            "The first samples of {s} came from work done in {v}.",
            "The laboratory where {s} was found stood in {v}.",
            "{s} was a find made in {v}.",
        ],
        ["in which country was {s} found", "where did the first work on {s} take place"],
        ["which country was the birthplace of {s} as a known element", "in what land did chemists come upon {s}"],
    ),
    "element.origin": R(
        ["{s} took its name from {v}.", "The word behind the name of {s} is {v}.", "{p} name goes back to {v}."],
        ["what is {s} named after", "from what does {s} take its name"],
        ["etymology of {s}", "why is {s} called that way"],
        polar=["did {s} take its name from {v}", "is {s} named after {v}"],
    ),
    "element.use": R(
        [
            "{s} is used for {v}.",
            "Industry needs {s} for {v}.",
            "Among the things made with the help of {s}, {v} may be mentioned first.",
        ],
        ["what is {s} used for in industry", "for what does industry need {s}"],
        ["give an application of {s}", "what do people do with {s}"],
    ),
    # countries
    "country.capital": R(
        ["{v} is {p} capital.", "The government of {s} sits in {v}.", "From the capital, {v}, {s} is governed."],
        ["What is the capital of {s}?", "In which city does the government of {s} sit?"],
        ["Which city is home to the parliament and ministries of {s}?", "What is the seat of power in {s}?"],
        polar=["is {v} the capital of {s}", "does the government of {s} sit in {v}"],
    ),
    "country.currency": R(
        ["{p} currency is the {v}.", "Prices in {s} are quoted in the {v}.", "People in {s} pay with the {v}."],
        ["What is the currency of {s}?", "In which currency are prices in {s} quoted?"],
        ["What money would a shopper need in {s}?", "Which banknotes are legal tender in {s}?"],
        polar=["is the {v} the money of {s}", "do people in {s} pay with the {v}"],
    ),
    "country.language": R(
        [
            "{v} has official status in {s}.",
            "Laws in {s} are published in {v}.",
            "The official language policy of {s} favours {v}.",
        ],
        ["What is the official language of {s}?", "In which language are the laws of {s} published?"],
        ["What tongue do officials use in {s}?", "What would a clerk in {s} speak at work?"],
        polar=["is {v} official in {s}", "are the laws of {s} published in {v}"],
    ),
    "country.peak": R(
        [
            "{p} highest mountain is {v}.",
            "No summit in {s} rises above {v}.",
            "The land of {s} reaches its greatest height on {v}.",
        ],
        ["What is the highest mountain of {s}?", "Which summit is the highest in {s}?"],
        ["What is the top of {s} for climbers?", "On which peak does one stand above everything else in {s}?"],
        polar=["is {v} the highest mountain in {s}", "is {v} the tallest peak of {s}"],
    ),
    "country.free": R(
        [
            "{s} became an independent state in {v}.",
            "Independence came to {s} in {v}.",
            "{p} independence dates from {v}.",
        ],
        ["In which year did {s} become independent?", "When did independence come to {s}?"],
        ["How long has {s} been a sovereign nation, since what year?", "In what year did foreign rule over {s} end?"],
    ),
    "country.neighbour": R(
        [
            "{s} shares a land border with {v}.",
            "One of the neighbours of {s} is {v}.",
            "A frontier divides {s} from {v}.",
        ],
        ["Which country shares a border with {s}?", "Which state is a neighbour of {s}?"],
        ["Name a land on the other side of the frontier of {s}.", "Into which country can one walk from {s}?"],
    ),
    # states
    "state.capital": R(
        [
            "{v} is the state capital of {s}.",
            "The legislature of {s} meets in {v}.",
            "The governor of {s} works in {v}.",
        ],
        ["what is the capital of the state of {s}", "where does the legislature of {s} meet"],
        ["from which town is {s} governed", "in which city would one find the governor of {s}"],
        polar=["is {v} the capital of {s}", "does the legislature of {s} meet in {v}"],
    ),
    "state.year": R(
        [
            "{s} became a state of the Union in {v}.",
            "Statehood came to {s} in {v}.",
            "The year {v} saw {s} become one of the United States.",
        ],
        ["when did {s} become a state", "in what year did statehood come to {s}"],
        ["since when has {s} had a place in the Union", "year {s} was let into the United States"],
        polar=["did {s} become a state in {v}", "has {s} belonged to the union since {v}"],
    ),
    "state.largest": R(
        [
            "{v} has more inhabitants than any other city of {s}.",
            "The largest city of {s} is {v}.",
            "By population {v} comes first among the cities of {s}.",
        ],
        ["what is the largest city of {s}", "which city of {s} has the most inhabitants"],
        ["where in {s} do the most people live", "biggest town in {s} by population"],
        polar=["is {v} the biggest city in {s}", "does {v} have more people than any other city of {s}"],
    ),
    "state.nickname": R(
        [
            "{s} is known by the nickname {v}.",
            "Number plates and brochures call {s} the {v}.",
            "A well-worn byname of {s} is {v}.",
        ],
        ["what is the nickname of {s}", "by which nickname is {s} known"],
        ["what do brochures like to call {s}", "popular byname of {s}"],
        polar=["is {s} called the {v}", "is the {v} a nickname of {s}"],
    ),
    "state.bird": R(
        [
            "The state bird of {s} is the {v}.",
            "Among birds, {s} chose the {v} as its emblem.",
            "{s} honours the {v} as its official bird.",
        ],
        ["what is the state bird of {s}", "which bird did {s} choose as its emblem"],
        ["what feathered symbol stands for {s}", "which winged animal represents {s}"],
        polar=["is the {v} the state bird of {s}", "did {s} choose the {v} as its bird"],
    ),
    # people
    "author.born": R(
        [
            "{s} was born in {v}.",
            "The birth of {s} fell in the year {v}.",
            "{v} is the year in which {s} came into the world.",
        ],
        ["When was {s} born?", "In which year did the birth of {s} fall?"],
        ["What is the birth year of {s}?", "How old would {s} be today, counting from what year?"],
        claims=["{s} came into the world in {v}.", "{v} is the birth year of {s}."],
    ),
    "author.place": R(
        [
            "{p} birthplace was {v}.",
            "{s} was a native of {v}.",
            "The family of {s} lived in {v} at the time of the birth.",
        ],
        ["Where was {s} born?", "What was the birthplace of {s}?"],
        ["Which place can call {s} its own child?", "In which town did the life of {s} begin?"],
        claims=["{s} was born in {v}.", "The town where the life of {s} began is {v}."],
    ),
    "author.died": R(
        ["{s} died in {v}.", "Death came to {s} in {v}.", "{p} life ended in {v}."],
        ["When did {s} die?", "In which year did the life of {s} end?"],
        ["What was the final year of {s}?", "When did the world lose {s}?"],
        claims=["{s} passed away in {v}.", "The last year of {s} was {v}."],
    ),
    "author.other": R(
        ["{s} is also the author of {v}.", "Another title by {s} is {v}.", "Readers of {s} know {v} as well."],
        ["Which other book did {s} write?", "What is another title by {s}?"],
        ["Name something else from the pen of {s}.", "What lesser-read work did {s} leave?"],
        claims=["{v} came from the pen of {s}.", "{v} is a work by {s}."],
    ),
    "book.writer": R(
        ["{s} was written by {v}.", "The author of {s} is {v}.", "{s} came from the pen of {v}."],
        ["Who wrote {s}?", "Who is the author of {s}?"],
        ["Whose imagination gave us {s}?", "Which writer should be thanked for {s}?"],
        claims=["{v} wrote {s}.", "{s} is a book by {v}."],
    ),
    "book.year": R(
        [
            "{s} was first published in {v}.",
            "The first readers held {s} in their hands in {v}.",
            "{p} first publication was in {v}.",
        ],
        ["When was {s} first published?", "In which year did {s} first appear?"],
        ["How old is {s}, counting from which year?", "When did bookshops first sell {s}?"],
        claims=["{s} was published for the first time in {v}.", "{s} appeared in {v}."],
    ),
    "book.hero": R(
        ["At the centre of {s} stands {v}.", "{p} main figure is {v}.", "The plot of {s} follows {v}."],
        ["Who stands at the centre of {s}?", "Who is the main figure of {s}?"],
        ["Whose fate does one follow in {s}?", "Around whom does the story of {s} turn?"],
        claims=["The story of {s} turns around {v}.", "{v} is a main character of {s}."],
    ),
    "book.setting": R(
        ["The scene of {s} is {v}.", "Much of {s} takes place in or around {v}.", "{s} is set in {v}."],
        ["Where is {s} set?", "What is the scene of {s}?"],
        ["To what place does {s} take its readers?", "Where do the events of {s} happen?"],
    ),
    "composer.born": R(
        ["{s} was born in {v}.", "The year of birth of {s} is {v}.", "{s} first saw the light of day in {v}."],
        ["When was {s} born?", "What is the year of birth of {s}?"],
        ["In which year did the world gain {s}?", "From which year does one count the age of {s}?"],
        claims=["The birth of {s} took place in {v}.", "{s} came into the world in {v}."],
    ),
    "composer.place": R(
        ["{p} birthplace was {v}.", "{s} came from {v}.", "{v} is proud to be the birthplace of {s}."],
        ["Where was {s} born?", "What was the birthplace of {s}?"],
        ["Which town celebrates {s} as its native?", "Where did the life of {s} begin?"],
        claims=["{s} was a native of {v}.", "{s} was born in {v}."],
    ),
    "composer.died": R(
        ["{s} died in {v}.", "The life of {s} came to an end in {v}.", "{v} was {p} last year."],
        ["When did {s} die?", "In which year did the life of {s} come to an end?"],
        ["What year was the last for {s}?", "When was {s} mourned?"],
        claims=["{s} passed away in {v}.", "Death came to {s} in {v}."],
    ),
    "composer.dplace": R(
        ["The place of death of {s} is {v}.", "{s} spent the last days in {v}.", "{v} was the last home of {s}."],
        ["Where did {s} die?", "What is the place of death of {s}?"],
        ["Which town saw the end of {s}?", "Where did {s} draw a last breath?"],
        claims=["{s} died in {v}.", "The life of {s} ended in {v}."],
    ),
    "scientist.deed": R(
        ["{s} {v}.", "It is remembered that {s} {v}.", "In the history of science {s} is the one who {v}."],
        ["What is {s} remembered for?", "What did {s} do in science?"],
        ["Why is {s} famous?", "What made the name of {s} last?"],
    ),
    "scientist.born": R(
        ["{s} was born in {v}.", "The year of birth of {s} is {v}.", "{s} came into the world in {v}."],
        ["When was {s} born?", "In which year did {s} come into the world?"],
        ["What year marks the start of the life of {s}?", "From which year does one count the birthdays of {s}?"],
        claims=["The birth of {s} took place in {v}.", "{v} is the birth year of {s}."],
    ),
    "scientist.place": R(
        ["{p} birthplace was {v}.", "{s} came from {v}.", "{v} is where {s} was born."],
        ["Where was {s} born?", "What was the birthplace of {s}?"],
        ["Which place counts {s} among its natives?", "Where did the life of {s} begin?"],
        claims=["{s} was a native of {v}.", "The life of {s} began in {v}."],
    ),
    "scientist.died": R(
        ["{s} died in {v}.", "The death of {s} came in {v}.", "{p} life ended in {v}."],
        ["When did {s} die?", "In which year did the life of {s} end?"],
        ["What was the last year of {s}?", "When did science lose {s}?"],
        claims=["{s} passed away in {v}.", "The last year of {s} was {v}."],
    ),
    "scientist.prize": R(
        [
            "The Nobel Prize went to {s} for the year {v}.",
            "{s} was honoured with a Nobel Prize in {v}.",
            "Stockholm gave {s} the Nobel Prize of {v}.",
        ],
        ["In which year was {s} honoured with a Nobel Prize?", "Which year's Nobel Prize went to {s}?"],
        ["When did the Swedish academy reward {s}?", "What is the year on the Nobel medal of {s}?"],
        claims=["{s} won a Nobel Prize in {v}.", "The Nobel Prize of {v} was given to {s}."],
    ),
    # works
    "painting.painter": R(
        ["{s} was painted by {v}.", "The painter of {s} is {v}.", "{s} is a work of {v}."],
        ["Who painted {s}?", "Who is the painter of {s}?"],
        ["Whose brush made {s}?", "To which artist do we owe {s}?"],
        claims=["{v} painted {s}.", "The artist behind {s} is {v}."],
    ),
    "painting.museum": R(
        ["{s} hangs in {v}.", "Visitors find {s} in {v}.", "{p} owner is {v}."],
        ["In which museum does {s} hang?", "Which museum is the owner of {s}?"],
        ["Under which roof can the public look at {s}?", "Which collection would lend {s}?"],
        claims=["{s} can be seen in {v}.", "{s} belongs to {v}."],
    ),
    "painting.city": R(
        [
            "To see {s} one travels to {v}.",
            "{p} home today is the city of {v}.",
            "{v} is the city where {s} is on view.",
        ],
        ["In which city is {s} on view?", "To which city does one travel to see {s}?"],
        ["Where should a traveller go who wants to stand before {s}?", "Which town has {s} among its treasures?"],
        claims=["{s} is on show in {v}.", "{s} is kept in the city of {v}."],
    ),
    "film.director": R(
        ["{s} was directed by {v}.", "The director of {s} was {v}.", "{v} stood behind {s} as director."],
        ["Who directed {s}?", "Who was the director of {s}?"],
        ["Whose film is {s}?", "Which film-maker gave the orders on the set of {s}?"],
        claims=["{v} directed {s}.", "{s} is a film by {v}."],
    ),
    "film.year": R(
        [
            "{s} reached the cinemas in {v}.",
            "The first showing of {s} was in {v}.",
            "{s} is a production of the year {v}.",
        ],
        ["When did {s} reach the cinemas?", "In which year was the first showing of {s}?"],
        ["How old is {s}, counting from which year?", "When could audiences first buy tickets for {s}?"],
        claims=["{s} was released in {v}.", "{s} was first shown in {v}."],
    ),
    "film.star": R(
        ["A leading part in {s} was played by {v}.", "Among the cast of {s} is {v}.", "{v} acts in {s}."],
        ["Who played a leading part in {s}?", "Which actor is among the cast of {s}?"],
        ["Whose face does one see on the screen in {s}?", "Name a performer in {s}."],
        claims=["{v} appears in {s}.", "{v} had a part in {s}."],
    ),
    # inventions and languages
    "invention.maker": R(
        ["The inventor of {s} was {v}.", "{s} was the work of {v}.", "{s} was devised by {v}."],
        ["who was the inventor of {s}", "who devised {s}"],
        ["whose idea was {s}", "name of the person we can thank for {s}"],
    ),
    "invention.year": R(
        ["{s} dates from {v}.", "As an invention, {s} is as old as the year {v}.", "The history of {s} begins in {v}."],
        ["from which year does {s} date", "when does the history of {s} begin"],
        ["how long has {s} existed, since what year", "what year did {s} come about"],
    ),
    "invention.land": R(
        ["The country of origin of {s} is {v}.", "{s} was first made in {v}.", "Work on {s} began in {v}."],
        ["in which country was {s} first made", "what is the country of origin of {s}"],
        ["which land gave the world {s}", "where did {s} come from"],
    ),
    "invention.use": R(
        ["{s} serves for {v}.", "The purpose of {s} is {v}.", "People use {s} for {v}."],
        ["what is the purpose of {s}", "for what do people use {s}"],
        ["what is {s} good for", "why would anyone need {s}"],
    ),
    "tongue.maker": R(
        ["{s} was designed by {v}.", "The creator of {s} is {v}.", "{s} is the work of {v}."],
        ["Who designed the programming language {s}?", "Who is the creator of the language {s}?"],
        ["Which computer scientist do coders thank for {s}?", "Whose brainchild is the language {s}?"],
    ),
    "tongue.year": R(
        [
            "{s} first appeared in {v}.",
            "The first version of {s} dates from {v}.",
            "Programmers have had {s} since {v}.",
        ],
        [
            "In which year did the programming language {s} first appear?",
            "From when does the first version of {s} date?",
        ],
        ["How long have coders been able to use {s}, since what year?", "What year was the language {s} born?"],
    ),
    "tongue.namesake": R(
        ["{s} was named after {v}.", "The name of {s} comes from {v}.", "Behind the name of {s} is {v}."],
        ["What is the programming language {s} named after?", "Where does the name of the language {s} come from?"],
        ["Why is the language {s} called so?", "What does the word {s} stand for in computing?"],
    ),
    # nature
    "river.source": R(
        ["{s} has its beginning in {v}.", "The springs of {s} lie in the area of {v}.", "{p} source is {v}."],
        ["Where does {s} rise?", "What is the source of {s}?"],
        ["Where would a hiker find the first drops of {s}?", "In what highland or lake does {s} begin its way?"],
        polar=["does {s} rise in {v}", "is {v} the source of {s}"],
    ),
    "river.mouth": R(
        ["{s} flows into {v}.", "{p} water ends in {v}.", "The course of {s} ends at {v}."],
        ["Into which body of water does {s} flow?", "Where does the course of {s} end?"],
        ["What receives the water of {s}?", "Where would a bottle thrown into {s} come out?"],
        polar=["does {s} flow into {v}", "does the water of {s} end in {v}"],
    ),
    "river.city": R(
        ["{s} passes {v}.", "{v} stands on {s}.", "A city on {s} is {v}."],
        ["Which city stands on {s}?", "Which city does {s} pass?"],
        ["Where do townspeople have {s} at their door?", "Name a town with quays along {s}."],
        polar=["does {v} stand on {s}", "does {s} pass {v}"],
    ),
    "river.land": R(
        ["{s} crosses {v}.", "{s} waters part of {v}.", "{v} has a share in the basin of {s}."],
        ["Which country does {s} cross?", "Which country has a share in the basin of {s}?"],
        ["In what country can one stand on the bank of {s}?", "Whose land does {s} drain?"],
    ),
    "mountain.height": R(
        [
            "{s} is {v} metres high.",
            "The summit of {s} lies {v} metres above the sea.",
            "Surveyors give {s} a height of {v} metres.",
        ],
        ["How many metres high is {s}?", "What height do surveyors give {s}?"],
        ["How far above the sea does one stand on top of {s}?", "What is the elevation of {s}?"],
    ),
    "mountain.range": R(
        ["{s} belongs to {v}.", "The range that holds {s} is {v}.", "{s} rises in {v}."],
        ["To which range does {s} belong?", "Which range holds {s}?"],
        ["Of what chain of mountains is {s} a part?", "Among which heights would one look for {s}?"],
    ),
    "mountain.land": R(
        ["{s} can be climbed from {v}.", "{s} stands in or on the border of {v}.", "{v} counts {s} among its summits."],
        ["In which country does {s} stand?", "From which country can {s} be climbed?"],
        ["Which nation has {s} on its soil?", "Where on the map of the world is {s}?"],
    ),
    "mountain.year": R(
        [
            "The first ascent of {s} was made in {v}.",
            "{s} was first climbed in {v}.",
            "Nobody is known to have reached the top of {s} before {v}.",
        ],
        ["When was {s} first climbed?", "In which year was the first ascent of {s} made?"],
        ["When did people first set foot on top of {s}?", "Since when has {s} been conquered?"],
    ),
    "mountain.climber": R(
        [
            "{v} made the first ascent of {s}.",
            "The summit of {s} was first reached by {v}.",
            "{s} was first climbed by {v}.",
        ],
        ["Who made the first ascent of {s}?", "By whom was {s} first climbed?"],
        ["Who conquered {s}?", "Which pioneers got to the top of {s} before all others?"],
    ),
    "moon.planet": R(
        ["{s} goes around {v}.", "The body that {s} circles is {v}.", "{s} is held by the gravity of {v}."],
        ["which body does {s} go around", "around which planet does {s} go"],
        ["what would fill the sky of {s}", "to whose family of satellites does {s} belong"],
    ),
    "moon.finder": R(
        ["{s} was found by {v}.", "The first to see {s} for what it is was {v}.", "The discoverer of {s} was {v}."],
        ["who was the discoverer of {s} in the solar system", "by whom was {s} in the sky found"],
        ["whose telescope first showed {s}", "which astronomer do we thank for {s}"],
    ),
    "moon.year": R(
        [
            "Astronomers have known {s} since {v}.",
            "The discovery of {s} dates from {v}.",
            "{s} was first recognised in {v}.",
        ],
        ["when was {s} recognised by astronomers", "from when does the discovery of {s} date"],
        ["since what year has {s} been on the list of known bodies", "year that {s} was spotted"],
    ),
    "moon.namesake": R(
        ["{s} is named after {v}.", "{p} name recalls {v}.", "In legend or literature, {s} means {v}."],
        ["after whom is {s} in the solar system named", "whom does the name of {s} recall"],
        ["what figure lent its name to {s}", "who is {s} in myth or literature"],
    ),
    "landmark.city": R(
        ["{s} stands in {v}.", "{v} is the city of {s}.", "Visitors to {v} can see {s}."],
        ["In which city does {s} stand?", "Which city's visitors can see {s}?"],
        ["Where must a tourist go to photograph {s}?", "Whose skyline includes {s}?"],
    ),
    "landmark.year": R(
        ["{s} was finished in {v}.", "The completion of {s} came in {v}.", "{s} has stood complete since {v}."],
        ["When was {s} finished?", "In which year did the completion of {s} come?"],
        [
            "When did the builders of {s} put down their tools?",
            "Since what year has the public known {s} as a finished work?",
        ],
    ),
    "landmark.maker": R(
        ["The designer of {s} was {v}.", "{s} was designed by {v}.", "The plans of {s} came from {v}."],
        ["Who was the designer of {s}?", "From whom did the plans of {s} come?"],
        ["Whose drawings did the builders of {s} follow?", "Which creative mind was behind {s}?"],
    ),
    "landmark.kind": R(
        [
            "{s} may be described as a work of this kind: {v}.",
            "In guidebooks {s} is listed under the words {v}.",
            "As to type, {s} is classed as {v}.",
        ],
        ["What type of structure is {s}?", "How is {s} listed in guidebooks?"],
        ["What sort of thing is {s}?", "How would one describe {s} in two or three words?"],
    ),
    "battle.year": R(
        ["{s} was fought in {v}.", "The armies met at {s} in {v}.", "{s} took place in {v}."],
        ["When was {s} fought?", "In which year did {s} take place?"],
        ["What is the date of {s}?", "In what year did the two sides clash in {s}?"],
    ),
    "battle.war": R(
        ["{s} was part of {v}.", "{s} belongs to {v}.", "The conflict in which {s} fell was {v}."],
        ["Of which war was {s} a part?", "To which conflict does {s} belong?"],
        ["What larger struggle included {s}?", "During what war did soldiers fight {s}?"],
    ),
    "battle.winner": R(
        ["The victor of {s} was {v}.", "{s} was won by {v}.", "At {s} the day went to {v}."],
        ["Who was the victor of {s}?", "By whom was {s} won?"],
        ["Which commander came out on top in {s}?", "Who could celebrate after {s}?"],
    ),
    "battle.loser": R(
        ["The defeated side in {s} was that of {v}.", "{s} ended in defeat for {v}.", "At {s} the losers were {v}."],
        ["For whom did {s} end in defeat?", "Which side lost {s}?"],
        ["Who was beaten in {s}?", "Whose hopes ended in {s}?"],
    ),
}

#: How a two-hop question names a subject by another of its facts.
DESCRIBED = {
    "country.currency": "the country whose currency is the {v}",
    "country.capital": "the country governed from {v}",
    "country.peak": "the country whose highest mountain is {v}",
    "author.work": "the author of {v}",
    "composer.work": "the composer of {v}",
    "scientist.deed": "the scientist who {v}",
    "film.star": "the film with {v} in a leading part",
    "element.symbol": "the element with the symbol {v}",
    "element.origin": "the element named after {v}",
    "moon.namesake": "the body of the solar system named after {v}",
    "book.hero": "the book whose main figure is {v}",
    "painting.painter": "the picture painted by {v}",
    "mountain.climber": "the mountain first climbed by {v}",
    "landmark.maker": "the structure designed by {v}",
}

NOUN = {
    "element": ["the element", "the substance"],
    "country": ["the country", "the state"],
    "state": ["the state"],
    "author": ["the writer"],
    "book": ["the book", "the story"],
    "composer": ["the composer"],
    "painting": ["the picture", "the canvas"],
    "scientist": ["the scholar", "the scientist"],
    "invention": ["the invention", "the device"],
    "river": ["the river", "the stream"],
    "mountain": ["the mountain", "the peak"],
    "moon": ["the body", "the object"],
    "landmark": ["the structure", "the landmark"],
    "film": ["the film", "the picture"],
    "battle": ["the battle", "the engagement"],
    "tongue": ["the language"],
}

#: Titles of the pages that tell of several subjects ({g} is the group).
SURVEYS = [
    "Notes on {g}",
    "A short survey of {g}",
    "{g}",
    "{g} at a glance",
    "Facts about {g}",
    "From the history of {g}",
    "{g} compared",
    "A reader's guide to {g}",
    "Some {g}",
    "On {g}",
]
PLACES = [
    "Notes on {g}",
    "A short survey of {g}",
    "{g}",
    "{g} at a glance",
    "Facts about {g}",
    "Lands and places of {g}",
]

#: True sentences that use the words of the questions and answer none of them ({t}: another
#: subject of the same kind, {u}: a third one).
FILLERS = {
    "element": [
        "The symbol of {s} is printed in every periodic table, next to its atomic number.",
        "School books tell how {s} was discovered and by whom, often in the same chapter as {t}.",
        "The name of {s} puzzles many pupils, as does the name of {t}.",
        "The history of the discovery of {s} is longer than a single date suggests.",
        "Industry buys {s} in grades of different purity.",
        "Collectors of elements keep {s} in labelled containers beside {t} and {u}.",
        "A chemist may be asked to tell {s} from {t} by its spectrum.",
        "The number of protons in a nucleus sets {s} apart from {t}.",
        "Museums of science show samples of {s} and tell visitors about the laboratory work behind it.",
        "Which symbol stands for {s}, and how many protons it has, is asked in many a school test.",
        "Who first found {s}, in which country and in which year, is told differently in different books.",
        "What {s} is used for in industry has changed from one generation to the next.",
        "Where the name of {s} comes from is a favourite question of quiz masters, next to the name of {t}.",
        "Lecturers show {s} when they speak of discovery, of names and of symbols.",
        "A poster with the symbol of {s} hangs in many classrooms, and {t} has its own square on it.",
    ],
    "country": [
        "Maps of {s} mark the capital with a star or a double ring.",
        "Banks abroad quote the currency of {s} every working day, and that of {t} as well.",
        "The official language of {s} is heard in its courts, schools and newspapers.",
        "Visitors to {s} often ask about money, language and the road to the capital.",
        "Hikers ask which mountain of {s} is the highest and how long the climb takes.",
        "The independence of {s} is a subject of its school books.",
        "Embassies of {s} stand in many capitals, and so do those of {t}.",
        "An atlas shows {s} and {t} on different pages or side by side, depending on its scale.",
        "Trade between {s} and {t} is counted in more than one currency.",
        "Stamps and coins of {s} are sought by collectors, like those of {t} and {u}.",
        "What the capital of {s} is, and what money people use there, is asked in many a school test.",
        "Which languages are official in {s}, and which are only spoken, is explained in guidebooks.",
        "The government of {s} receives guests from {t} and other countries in its capital.",
        "Borders, neighbours and the highest mountain of {s} are drawn on every school map.",
        "When {s} became independent, if it ever was not, is taught in its schools.",
        "Coins and banknotes of {s} can be seen in museums of money, like those of {t}.",
        "A quiz on capitals and currencies may put {s} beside {t} and {u}.",
        "Newspapers in {s} print exchange rates, weather and news from the government.",
    ],
    "state": [
        "The capital of {s} is marked with a star on road maps.",
        "Schoolchildren learn the capital, the bird and the nickname of {s} together with those of {t}.",
        "The governor of {s} signs or vetoes the bills of the legislature.",
        "The day of statehood is remembered in {s}, as it is in {t}.",
        "Each of the cities of {s} has its own mayor or manager.",
        "A state bird, a flower and a motto are among the official symbols of {s}.",
        "The largest city of a state is not always its capital, as visitors to {s} or {t} may learn.",
        "Souvenir shops in {s} print the state nickname on cups and shirts.",
        "Representatives of {s} and {t} sit together in Congress.",
        "What the capital and the largest city of {s} are is asked in many a school test.",
        "When {s} joined the Union is remembered on anniversaries.",
        "How {s} came by its nickname is told in more than one way.",
        "The legislature of {s} debates roads, schools and taxes in its capital.",
        "Bird watchers in {s} look for the state bird and for many others.",
        "A quiz on nicknames and capitals may put {s} beside {t} and {u}.",
        "Population counts rank the cities of {s} every ten years.",
    ],
    "author": [
        "Biographies of {s} begin with the birthplace and the family.",
        "The year of birth and the year of death of {s} stand in every dictionary of writers.",
        "Libraries shelve the books of {s} not far from those of {t}.",
        "Letters by {s} have been edited by scholars, as have those of {t}.",
        "Students compare {s} with {t} in essays on style.",
        "Readers who admire {s} often turn to {t} or {u} next.",
        "The early life of {s}, from birth to the first printed page, has filled whole volumes.",
        "Critics argue about which book by {s} is the best.",
        "Where {s} was born, and in which house, is shown to literary tourists.",
        "When {s} was born and when {s} died is asked in many a school test.",
        "The works of {s} are listed by title and year in catalogues.",
        "The death of {s} was reported in newspapers or chronicles of the day, or will be one day.",
        "Titles by {s} stand beside titles by {t} in bookshops.",
        "A quiz on writers may ask for the birthplace of {s}, the death of {t} or a title by {u}.",
        "The hometown of a writer such as {s} seldom forgets the name.",
    ],
    "book": [
        "Copies of the first edition of {s} fetch high prices at auctions.",
        "The author of {s} is named on the title page, and so is the place of printing.",
        "Teachers set {s} as reading, sometimes together with {t}.",
        "The characters of {s} have been drawn by many illustrators.",
        "Critics still write about the setting and the main figure of {s}.",
        "{s} has been translated into many languages, as has {t}.",
        "Readers of {s} are often sent on to {t} or {u}.",
        "The publication of {s} is treated in histories of the novel.",
        "Who wrote {s}, and when it was published, is asked in many a school test.",
        "Where {s} is set matters to its readers as much as who stands at its centre.",
        "The year in which {s} was published is printed in every good edition.",
        "The author of {s} is discussed together with the author of {t}.",
        "A quiz on novels may ask for the hero of {s}, the scene of {t} or the author of {u}.",
        "The main character of {s} is better known to some readers than the name of the author.",
        "Bookshops have sold {s} in cheap and in costly editions.",
    ],
    "composer": [
        "Biographies of {s} tell of birth, training, travel and death.",
        "Concert programmes print the years of birth and death after the name of {s}.",
        "Orchestras play {s} and {t} in the same season.",
        "Letters of {s} are kept in libraries, as are those of {t}.",
        "Critics have compared {s} with {t} and {u}.",
        "The birthplace of a composer such as {s} or {t} is often marked by a plaque.",
        "Recordings of {s} fill many shelves.",
        "Where {s} was born and where {s} died is asked in many a music test.",
        "The birth and the death of {s} are marked by anniversaries in concert halls.",
        "The last years of {s} have been studied as closely as those of {t}.",
        "A quiz on music may ask for the birthplace of {s}, the last home of {t} or a work by {u}.",
        "The town of birth and the town of death of {s} both figure in travel books.",
        "The life of {s}, from its first to its last year, has been told in novels and films.",
        "Students learn the dates of {s} together with those of {t}.",
    ],
    "painting": [
        "Copies and posters of {s} are sold in museum shops.",
        "Art historians have compared {s} with {t}.",
        "The painter of a picture such as {s} can be asked nothing any more, and so scholars study the canvas.",
        "The museum that owns {s} lends its pictures with care.",
        "Visitors gather before {s}, as others do before {t} in its own city.",
        "X-ray pictures tell how a painting such as {s} was made.",
        "Books on art print {s} in colour, often not far from {t} and {u}.",
        "Who painted {s}, and where it hangs today, is asked in many an art test.",
        "Which museum has {s}, and in which city, is known to most travellers.",
        "The painter of {s} is discussed together with the painter of {t}.",
        "A quiz on art may ask for the painter of {s}, the museum of {t} or the city of {u}.",
        "Guards keep watch over {s} day and night in its museum.",
        "Students of art copy {s} and {t} with brush or pencil.",
        "The city that is home to {s} prints it on tickets and posters.",
    ],
    "scientist": [
        "Biographies of {s} begin with the birthplace and the school years.",
        "The years of birth and death of {s} are given in every dictionary of science.",
        "Streets and schools are named after {s} and after {t}.",
        "Historians compare the work of {s} with that of {t}.",
        "Letters and notebooks of {s} are studied by historians.",
        "A prize or a medal is only one measure of a scholar such as {s} or {t}.",
        "Students meet the names of {s}, {t} and {u} in lectures.",
        "What made {s} famous is explained in school books.",
        "Where {s} was born, and when, is asked in many a school test.",
        "When {s} died, the news travelled among scholars.",
        "Why {s} is famous is explained on plaques and stamps.",
        "A quiz on science may ask for the birthplace of {s}, the death of {t} or the deeds of {u}.",
        "The birthplace of a scholar such as {s} is sometimes turned into a museum.",
        "The work of {s} is remembered at anniversaries of birth and death.",
        "Whether a Nobel Prize was won, or could have been, is discussed of {s} as of {t}.",
    ],
    "invention": [
        "Museums of technology show {s} beside {t}.",
        "The inventor of {s} is not the only person who worked on the idea.",
        "Patents and lawsuits are part of the history of {s}.",
        "Books on inventions treat {s} in the same chapter as {t} or {u}.",
        "How people used {s} changed over the years.",
        "School projects ask who invented {s} and when.",
        "The country of origin of {s} takes some pride in it.",
        "Who invented {s}, in which year and in which country, is asked in many a school test.",
        "What {s} is good for needs little explanation today.",
        "The inventor of {s} is named on plaques, together with a year.",
        "The idea behind {s} is older than the thing itself, as with {t}.",
        "A quiz on inventions may ask for the inventor of {s}, the year of {t} or the purpose of {u}.",
        "Who devised {s} and who made money with it are two questions.",
        "The purpose of {s} and of {t} is shown by models in museums.",
        "People use {s} without a thought for where it came from.",
    ],
    "river": [
        "Boats, bridges and mills belong to the history of {s}.",
        "The source and the mouth of {s} are marked on good maps.",
        "Engineers measure how much water {s} carries, as they do on {t}.",
        "Cities on {s} guard themselves against floods.",
        "The basin of {s} is shown in one colour in school atlases, that of {t} in another.",
        "Between source and mouth {s} changes its character more than once.",
        "Geographers compare {s} with {t} and {u}.",
        "Anglers know {s} as well as they know {t}.",
        "Where {s} rises and into which sea it flows is asked in many a school test.",
        "Which cities and countries {s} passes can be read from a map.",
        "Hikers follow {s} from its source, and boatmen follow it to its mouth.",
        "A quiz on rivers may ask for the source of {s}, the mouth of {t} or a city on {u}.",
        "Bridges cross {s} in more than one city.",
        "The water of {s} is used by farms and by townspeople.",
        "The country through which {s} flows takes care of its banks.",
    ],
    "mountain": [
        "The height of {s} has been measured more than once.",
        "Climbers who have stood on {s} often go on to {t}.",
        "The first ascent of {s} is told in the annals of mountaineering.",
        "The weather on {s} can change within an hour.",
        "Maps of the range around {s} are printed in several languages.",
        "Guidebooks describe the routes on {s} and on {t}.",
        "Geologists compare the rocks of {s} with those of {t} or {u}.",
        "The summit of {s} is drawn as a small triangle on maps, with its height in metres beside it.",
        "How high {s} is, and who first climbed it, is asked in many a school test.",
        "In which country and in which range {s} stands can be read from a map.",
        "When people first stood on {s} matters to historians of climbing.",
        "A quiz on mountains may ask for the height of {s}, the range of {t} or the first climbers of {u}.",
        "The metres of {s} are printed on maps and on postcards.",
        "The first climbers of {s} and of {t} left reports or legends.",
        "Pioneers and their ropes belong to the lore of {s}.",
    ],
    "moon": [
        "The discovery of {s} is told in histories of astronomy.",
        "Astronomers compare {s} with {t}.",
        "A telescope and patience were needed to find {s}.",
        "The name of {s} follows the custom of choosing names from myth and literature.",
        "{s} is listed in tables of the solar system, together with {t} and {u}.",
        "The orbit of {s} has been computed with great accuracy.",
        "Who discovered {s}, and when, is a common question in quizzes on the solar system.",
        "Science fiction has taken its heroes to {s} and to {t}.",
        "Who discovered {s}, and after whom it is named, is asked in many a school test.",
        "What body {s} goes around, if not the Sun, can be read from tables.",
        "The year in which {s} was recognised stands in books on astronomy.",
        "A quiz on astronomy may ask for the discoverer of {s}, the planet of {t} or the name of {u}.",
        "The figure that lent its name to {s} appears in older tales.",
        "Telescopes of today show {s} more clearly than those of its discoverer.",
        "Names such as {s} and {t} were chosen by astronomers with a taste for stories.",
    ],
    "landmark": [
        "Postcards of {s} are sold in great numbers.",
        "The designer of a structure such as {s} works with many engineers and builders.",
        "Guidebooks of the city give {s} a page of its own.",
        "When {s} was finished, newspapers wrote about it at length.",
        "Students of building compare {s} with {t}.",
        "Repairs to {s} are planned years ahead, as they are at {t}.",
        "Photographs of {s}, {t} and {u} appear in every book on buildings.",
        "Who designed {s}, and when it was finished, is asked in many a quiz.",
        "In which city {s} stands is known to most travellers.",
        "The plans of {s} are kept in archives or have been lost.",
        "The builders of {s} followed drawings and changed them more than once.",
        "A quiz on buildings may ask for the designer of {s}, the city of {t} or the year of {u}.",
        "What type of structure {s} is can be seen at a glance.",
        "The year in which {s} was finished is cut in stone or printed in guidebooks.",
        "Tourists photograph {s} from every side.",
    ],
    "film": [
        "Posters of {s} are collected, as are those of {t}.",
        "The director of {s} is named in the opening or closing titles.",
        "Critics have compared {s} with {t}.",
        "The cast of {s} has been praised by reviewers.",
        "Film schools show {s} to their students, often before {t} or {u}.",
        "Festivals still show {s} on a big screen.",
        "The year of release is printed on the box of {s}.",
        "Who directed {s}, and who played in it, is asked in many a quiz.",
        "When {s} came to the cinemas, tickets were sold at the door.",
        "Actors have told stories about the making of {s}.",
        "The director of {s} has been compared with the director of {t}.",
        "A quiz on films may ask for the director of {s}, the year of {t} or the cast of {u}.",
        "The leading part in {s} has been copied by other actors.",
        "Audiences first saw {s} on a big screen, later on small ones.",
        "The cinemas that showed {s} have shown {t} as well.",
    ],
    "battle": [
        "Historians still argue about the numbers of troops in {s}.",
        "Paintings of {s} hang in museums and town halls.",
        "Who won {s}, and why, is taught to officers.",
        "Books on war compare {s} with {t}.",
        "The field of {s} is drawn in atlases of military history, as is that of {t}.",
        "The commanders in {s} left few words about the day.",
        "{s} is treated in surveys of warfare next to {t} and {u}.",
        "The date of {s} is learned by heart in some schools.",
        "Who won and who lost {s} is asked in many a school test.",
        "To which war {s} belongs, and when it was fought, is told in handbooks.",
        "The victor of {s} and the beaten side told different stories.",
        "A quiz on history may ask for the year of {s}, the victor of {t} or the war of {u}.",
        "Soldiers of both sides in {s} are buried near the field or rest at sea.",
        "The war to which {s} belongs had other battles too.",
        "Commanders have studied {s} and {t} on maps.",
    ],
    "tongue": [
        "Programmers argue about whether {s} or {t} is easier to learn.",
        "The designer of a programming language such as {s} has to think about beginners as well.",
        "Manuals of {s} fill many shelves.",
        "Code in {s} looks different from code in {t} or {u}.",
        "Conferences bring users of {s} together.",
        "The name of {s} is the subject of jokes among programmers.",
        "New versions of {s} appear from time to time.",
        "Who designed {s}, and in which year, is asked in quizzes for programmers.",
        "Where the name of {s} comes from is explained on its home page or in its manual.",
        "The creator of {s} has been compared with the creator of {t}.",
        "The first version of {s} looked different from later ones.",
        "A quiz on computing may ask for the creator of {s}, the year of {t} or the name of {u}.",
        "Coders who know {s} find work beside coders who know {t}.",
        "The programming language {s} has its friends and its critics.",
        "Textbooks of {s} begin with a program that prints a greeting.",
    ],
}

#: Claims that the knowledge base does not decide.
UNDECIDED = {
    "book": [
        "{s} was printed on blue paper in its second edition.",
        "{s} was read aloud on the radio in Lisbon in 1961.",
        "The manuscript of {s} was insured for a large sum.",
        "{s} outsold every other book in Toronto for a year.",
    ],
    "author": [
        "{s} learned to play the flute as a child.",
        "{s} kept a parrot while writing.",
        "{s} owned a red writing desk.",
        "{s} once lost a manuscript on a train to Geneva.",
    ],
    "composer": [
        "{s} disliked the taste of coffee.",
        "{s} was fond of playing billiards in the evening.",
        "{s} collected butterflies.",
        "{s} preferred to write in green ink.",
    ],
    "painting": [
        "{s} was cleaned with bread crumbs before a royal visit.",
        "{s} was once shown upside down by mistake.",
        "The frame of {s} is made of cherry wood.",
        "{s} was sketched on the back of a letter.",
    ],
    "film": [
        "{s} was shown on a ship crossing the Indian Ocean.",
        "{s} had a working title with three words.",
        "The costumes of {s} were sold to a theatre in Ghent.",
        "A cat belonging to the crew can be seen in {s}.",
    ],
    "scientist": [
        "{s} was a keen swimmer.",
        "{s} could not stand the smell of lilies.",
        "{s} kept bees in the garden.",
        "{s} played chess by mail with a cousin.",
    ],
}

# --------------------------------------------------------------------------------------------
# From the table to passages.
# --------------------------------------------------------------------------------------------


Fact = tuple[str, str, str]  # kind, name, field


@dataclass(frozen=True)
class Subject:
    kind: str
    name: str
    group: str
    facts: dict[str, str]  # field -> value, those that passages state
    extra: dict[str, str]  # fields used to describe the subject (a writer's best-known work)
    sex: str

    @property
    def title(self) -> str:
        return upper(re.sub(r"^the ", "", self.name))


@dataclass
class Passage:
    title: str
    sentences: list[str]
    facts: list[list[Fact]]  # what each sentence states


@dataclass
class World:
    subjects: dict[str, list[Subject]]
    passages: list[Passage]
    #: (kind, name) -> the page that the subject shares with others, and the fields it tells of the subject
    shared: dict[tuple[str, str], tuple[int, list[str]]]
    #: (kind, name, field) -> the passage that states it
    home: dict[tuple[str, str, str], int]
    #: the subjects that people ask about and that many pages talk about
    popular: set[tuple[str, str]]


def upper(text: str) -> str:
    return text[:1].upper() + text[1:]


def subjects_of(kind: str, table: str) -> list[Subject]:
    lines = table.strip().split("\n")
    fields = lines[0].split("|")
    made = []
    for line in lines[1:]:
        cells = line.split("|")
        if len(cells) != len(fields):
            raise ValueError(f"{kind}: {line!r} has {len(cells)} cells, not {len(fields)}")
        row = dict(zip(fields, cells, strict=True))
        if kind == "element":
            row["name"] = row["name"].lower()
        values = {f: row[f] for f in fields if f not in ("name", "sex", "group") and row[f] != "-"}
        facts = {f: v for f, v in values.items() if f"{kind}.{f}" in RELATIONS}
        extra = {f: v for f, v in values.items() if f not in facts}
        made.append(Subject(kind, row["name"], row["group"], facts, extra, row.get("sex", "-")))
    return made


def fill(template: str, subject: Subject, value: str, how: str, rng: random.Random) -> str:
    """One sentence; ``how`` is ``name``, ``full`` (with the best-known work) or ``again`` (pronoun)."""
    if how == "again":
        he, his = {"m": ("he", "his"), "f": ("she", "her")}.get(subject.sex, ("it", "its"))
        noun = rng.choice(NOUN[subject.kind])
        leads = template.startswith(("{s}", "{p}"))
        name, owner = (he, his) if leads else (noun, noun + "'s")
    else:
        name, owner = subject.name, subject.name + ("'" if subject.name.endswith("s") else "'s")
        if how == "full" and "work" in subject.extra and "{p}" not in template:
            role = {"author": "author", "composer": "composer"}[subject.kind]
            name = f"{name}, {role} of {subject.extra['work']},"
    text = template.replace("{s}", name).replace("{p}", owner).replace("{v}", value)
    text = re.sub(r",([.,])", r"\1", text)
    return upper(text.replace("  ", " "))


JOINED = 0.8  # share of the pairs of facts that stand in one sentence


def joined(first: str, second: str, name: str, value: str, rng: random.Random) -> str:
    """Two sentences about one subject as one."""
    if not second.startswith((value, name)) or second.startswith("The "):
        second = second[:1].lower() + second[1:]
    return first[:-1] + rng.choice(["; ", "; ", ", and "]) + second


def portrait(subject: Subject, fields: list[str], rng: random.Random) -> list[tuple[str, list[Fact]]]:
    """What a shared page says of one subject: its facts two by two, mostly in one sentence."""
    rows: list[tuple[str, list[Fact]]] = []
    proper = upper(subject.name) if subject.kind != "element" else "-"
    for start in range(0, len(fields), 2):
        pair = fields[start : start + 2]
        said = []
        for place, f in enumerate(pair):
            how = "again" if place and rng.random() < 0.7 else ("name" if start or place else "full")
            said.append(fill(rng.choice(RELATIONS[f"{subject.kind}.{f}"].says), subject, subject.facts[f], how, rng))
        facts: list[Fact] = [(subject.kind, subject.name, f) for f in pair]
        if len(said) == 2 and rng.random() < JOINED:
            rows.append((joined(said[0], said[1], proper, subject.facts[pair[1]], rng), facts))
        else:
            rows += [(text, [fact]) for text, fact in zip(said, facts, strict=True)]
    return rows


def fillers(subject: Subject, peers: list[Subject], count: int, rng: random.Random) -> list[str]:
    made = []
    for template in rng.sample(FILLERS[subject.kind], count):
        t, u = rng.sample([p for p in peers if p.name != subject.name], 2)
        made.append(upper(template.format(s=subject.name, t=t.name, u=u.name)))
    return made


def comparisons(subject: Subject, peers: list[Subject], rng: random.Random) -> list[str]:
    """True sentences from two rows of the table: the words of the questions, not their answers."""
    made = []
    years = [f for f in ("year", "born", "died", "free", "prize") if f in subject.facts]
    words = {
        ("element", "year"): "was discovered",
        ("country", "free"): "became independent",
        ("state", "year"): "became a state",
        ("author", "born"): "was born",
        ("author", "died"): "died",
        ("book", "year"): "was published",
        ("composer", "born"): "was born",
        ("composer", "died"): "died",
        ("scientist", "born"): "was born",
        ("scientist", "died"): "died",
        ("scientist", "prize"): "won a Nobel Prize",
        ("film", "year"): "reached the cinemas",
        ("invention", "year"): "was invented",
        ("tongue", "year"): "appeared",
        ("moon", "year"): "was discovered",
        ("mountain", "year"): "was first climbed",
        ("landmark", "year"): "was finished",
        ("battle", "year"): "was fought",
    }
    for f in years:
        verb = words[subject.kind, f]
        for other in rng.sample(peers, min(8, len(peers))):
            if f not in other.facts or other.name == subject.name:
                continue
            a, b = (-int(v[:-3]) if v.endswith("BC") else int(v) for v in (subject.facts[f], other.facts[f]))
            if a == b:
                made.append(f"{subject.name} {verb} in the same year as {other.name}.")
            elif a < b:
                made.append(
                    rng.choice(
                        [
                            f"{subject.name} {verb} before {other.name}.",
                            f"{subject.name} {verb} earlier than {other.name}.",
                        ]
                    )
                )
            else:
                made.append(
                    rng.choice(
                        [
                            f"{subject.name} {verb} after {other.name}.",
                            f"{subject.name} {verb} later than {other.name}.",
                        ]
                    )
                )
    rng.shuffle(made)
    return [upper(m) for m in made]


NOISE = 4  # pages that talk about a popular subject and tell none of its facts


def build_world(seed: int, noise: int = NOISE) -> World:
    subjects = {kind: subjects_of(kind, table) for kind, table in FACTS.items()}
    passages: list[Passage] = []
    shared: dict[tuple[str, str], tuple[int, list[str]]] = {}
    home: dict[tuple[str, str, str], int] = {}
    popular: set[tuple[str, str]] = set()

    def add(title: str, rows: list[tuple[str, list[Fact]]]) -> int:
        passages.append(Passage(title, [r[0] for r in rows], [r[1] for r in rows]))
        for _, facts in rows:
            for fact in facts:
                home.setdefault(fact, len(passages) - 1)
        return len(passages) - 1

    for kind, people in subjects.items():
        rng = random.Random(f"{seed}-{kind}")
        popular |= {
            (kind, s.name) for s in random.Random(f"{seed}-{kind}-popular").sample(people, (len(people) + 1) // 2)
        }
        plans = {}
        for s in people:
            fields = list(s.facts)
            random.Random(f"{seed}-{kind}-{s.name}-plan").shuffle(fields)
            keep = 1 if len(fields) > 3 else 0  # the fact that the subject's own page tells
            plans[s.name] = (fields[keep : keep + 4], fields[:keep] + fields[keep + 4 :])
        groups = defaultdict(list)
        for s in people:
            groups[s.group].append(s)
        # 1. pages on three subjects, with most of what the knowledge base says of each
        for group, members in groups.items():
            order = list(members)
            rng.shuffle(order)
            titles = list(PLACES if kind in ("country", "state") else SURVEYS)
            rng.shuffle(titles)
            count = -(-len(order) // 3)
            for number in range(count):
                rows: list[tuple[str, list[Fact]]] = []
                chunk = order[number::count]
                for member in chunk:
                    rows += portrait(member, plans[member.name][0], rng)
                if len(chunk) < 3:
                    rows += [(x, []) for x in fillers(chunk[0], people, 2, rng)]
                made = add(upper(titles[number % len(titles)].format(g=group)), rows)
                for member in chunk:
                    shared[kind, member.name] = made, plans[member.name][0]
        # 2. the subject's own page: what is left, among sentences that answer nothing
        # 3. pages that talk about a popular subject and answer nothing
        for s in people:
            own = random.Random(f"{seed}-{kind}-{s.name}-pages")
            talk = fillers(s, people, 13, own)
            compared = comparisons(s, people, own)
            rows = []
            for place, f in enumerate(plans[s.name][1]):
                wording = own.choice(RELATIONS[f"{kind}.{f}"].says)
                rows.append((fill(wording, s, s.facts[f], "again" if place else "full", own), [(kind, s.name, f)]))
            if rows:
                add(s.title, rows + [(talk.pop(), []) for _ in range(3)])
            if (kind, s.name) not in popular:
                continue
            for turn in range(noise):
                said = [talk.pop(), talk.pop(), *compared[2 * turn : 2 * turn + 2]]
                said += [x for x in fillers(s, people, 4, own) if x not in said][: 4 - len(said)]
                rows = [(x, []) for x in said]
                own.shuffle(rows)
                endings = ["a note", "reception", "miscellany", "in teaching", "questions and quizzes"]
                add(s.title if turn == 0 else f"{s.title}: {endings[turn % len(endings)]}", rows)
    return World(subjects, passages, shared, home, popular)


# --------------------------------------------------------------------------------------------
# From the table to questions.
# --------------------------------------------------------------------------------------------

#: which kinds of subject a benchmark asks about
ASKS = {
    "sample_nq": ["element", "invention", "moon", "state"],
    "sample_boolq": ["state", "country", "river", "element"],
    "sample_fever": ["book", "author", "composer", "painting", "film", "scientist"],
    "sample_zsre": ["country", "river", "mountain", "tongue", "book", "film"],
    "sample_hotpotqa": ["author", "composer", "country", "film", "scientist", "moon", "mountain", "book"],
    "sample_squad": ["landmark", "scientist", "battle", "invention", "composer"],
}
#: values that would be half true of many subjects, and so make no false statement
DOUBTFUL = {
    "United States dollar",
    "Carl Wilhelm Scheele",
    "Sunshine State",
    "Mountain State",
    "a Latin name for Russia",
}
CONTEXT = 0.6  # share of training questions that name the group as well
MOST_TESTS = 60
TOUCHED, NEW, OTHER = 28, 18, 5  # subjects: asked in both splits, in test only, in train only


@dataclass(frozen=True)
class Item:
    question: str
    answer: str
    subject: tuple[str, str]
    field: str  # "" where the knowledge base does not say
    relation: str  # how a test question relates to training: same, near, new


def normal(text: str) -> str:
    text = re.sub(r"[^\w\s]", " ", text.lower())
    return " ".join(w for w in text.split() if w not in ("a", "an", "the"))


class Asker:
    def __init__(self, world: World, name: str, rng: random.Random) -> None:
        self.world, self.name, self.rng = world, name, rng
        self.seen: set[str] = {normal(s) for p in world.passages for s in p.sentences}

    def fields(self, kind: str, fields: list[str]) -> list[str]:
        """Those of the fields that this benchmark can ask for."""
        if self.name == "sample_boolq":
            return [f for f in fields if RELATIONS[f"{kind}.{f}"].polar and f != "mouth"]
        if self.name == "sample_fever":
            return [f for f in fields if RELATIONS[f"{kind}.{f}"].claims]
        return [f for f in fields if (kind, f) != ("scientist", "deed") or self.name != "sample_hotpotqa"]

    def wrong(self, s: Subject, f: str) -> str:
        right = s.facts[f]
        others = sorted({o.facts[f] for o in self.world.subjects[s.kind] if f in o.facts})
        others = [
            v
            for v in others
            if v not in right and right not in v and not set(v.split()) & set(right.split()) - {"the", "of", "and"}
        ]
        others = [v for v in others if v not in DOUBTFUL]
        if right.isdigit():
            others = [v for v in others if v.isdigit() and 3 <= abs(int(v) - int(right)) <= 90] or others
        return self.rng.choice(others)

    def name_of(self, s: Subject, f: str) -> str | None:
        """The subject as the benchmark names it: two-hop questions describe it by another fact."""
        if self.name != "sample_hotpotqa":
            return s.name
        have = {**s.facts, **s.extra}
        beside = self.world.shared[s.kind, s.name][1]
        ways: list[str] = []
        close: list[str] = []
        for key, wording in DESCRIBED.items():
            kind, other = key.split(".")
            if kind != s.kind or other not in have or other == f or (other, f) == ("climber", "year"):
                continue
            same = [o for o in self.world.subjects[kind] if {**o.facts, **o.extra}.get(other) == have[other]]
            if len(same) == 1:
                (close if other in beside or other in s.extra else ways).append(wording.replace("{v}", have[other]))
        ways = close or ways
        return self.rng.choice(ways) if ways else None

    def item(self, s: Subject, f: str, split: str, relation: str, truth: str = "") -> Item | None:
        """A question about one fact that nobody asked yet and no passage states, or None."""
        r = RELATIONS[f"{s.kind}.{f}"] if f else None
        for _ in range(12):
            if self.name == "sample_fever":
                if r is None:
                    text, answer = self.rng.choice(UNDECIDED[s.kind]).replace("{s}", s.name), "NOT ENOUGH INFO"
                else:
                    value = s.facts[f] if truth == "yes" else self.wrong(s, f)
                    text, answer = self.rng.choice(r.claims), "SUPPORTS" if truth == "yes" else "REFUTES"
                    text = text.replace("{s}", s.name).replace("{v}", value)
                if split == "train" and s.kind != "scientist" and self.rng.random() < 0.5:
                    text = f"Among {s.group}, {text}"
                text = upper(text)
            elif self.name == "sample_boolq":
                assert r is not None
                value = s.facts[f] if truth == "yes" else self.wrong(s, f)
                text, answer = self.rng.choice(r.polar), "True" if truth == "yes" else "False"
                text = text.replace("{s}", s.name).replace("{v}", value)
                if split == "train" and self.rng.random() < CONTEXT:
                    text = f"{'in' if s.kind in ('country', 'state') else 'among'} {s.group}, {text}"
                text = text.lower()
            else:
                assert r is not None
                wordings = r.asks if split == "train" or self.rng.random() < 0.25 else r.hard
                named = self.name_of(s, f)
                if named is None:
                    return None
                text, answer = self.rng.choice(wordings).replace("{s}", named), s.facts[f]
                if split == "train" and self.rng.random() < (0.8 if self.name == "sample_hotpotqa" else CONTEXT):
                    where = "In" if s.kind in ("country", "state") else "Among"
                    text = f"{where} {s.group}, {text[:1].lower() + text[1:]}"
                text = text.rstrip("?.").lower() if self.name == "sample_nq" else upper(text.rstrip("?.")) + "?"
            if normal(text) not in self.seen:
                self.seen.add(normal(text))
                return Item(text, answer, (s.kind, s.name), f, relation)
        return None

    def make(self) -> tuple[list[Item], list[Item]]:
        rng = self.rng
        pools = []
        for kind in ASKS[self.name]:
            pool = [
                s
                for s in self.world.subjects[kind]
                if (kind, s.name) in self.world.popular
                and len(self.fields(kind, self.world.shared[kind, s.name][1])) > 1
                and (self.name != "sample_hotpotqa" or self.name_of(s, "") is not None)
            ]
            rng.shuffle(pool)
            pools.append(pool)
        line = [p[i] for i in range(max(map(len, pools))) for p in pools if i < len(p)]
        touched, new, other = line[:TOUCHED], line[TOUCHED : TOUCHED + NEW], line[TOUCHED + NEW : TOUCHED + NEW + OTHER]
        train: list[Item] = []
        test: list[Item] = []
        verdicts = ["yes", "no", "yes", "no", "none"] if self.name == "sample_fever" else ["yes", "no"]

        def truth(i: int) -> str:
            return verdicts[i % len(verdicts)]

        def push(box: list[Item], s: Subject, f: str, split: str, relation: str) -> bool:
            t = truth(len(box))
            made = self.item(s, "" if t == "none" else f, split, relation, t)
            if made is not None:
                box.append(made)
            return made is not None

        for s in touched + other:
            # training: people ask three times, for two facts, or for one of them in two wordings
            fields = self.fields(s.kind, self.world.shared[s.kind, s.name][1])
            rng.shuffle(fields)
            asked = fields[:2] if rng.random() < 0.5 else fields[:1] * 2
            asked = [*asked, asked[0]]
            for f in asked:
                push(train, s, f, "train", "")
            if s in other:
                continue
            # test: they come back, in other words, for the same fact or for the one beside it
            near = [f for f in fields if f not in asked]
            for _ in range(min(rng.choice([1, 2]), MOST_TESTS - NEW - len(test))):
                if near and rng.random() < 0.6:
                    push(test, s, rng.choice(near), "test", "near")
                else:
                    push(test, s, rng.choice(asked), "test", "same")
        for s in new:
            fields = self.fields(s.kind, self.world.shared[s.kind, s.name][1])
            push(test, s, rng.choice(fields), "test", "new")
        rng.shuffle(train)
        rng.shuffle(test)
        return train, test


# --------------------------------------------------------------------------------------------
# Files.
# --------------------------------------------------------------------------------------------


@dataclass
class Sample:
    world: World
    order: list[int]  # passage ids in the file, by place in world.passages
    benchmarks: dict[str, tuple[list[Item], list[Item]]]

    def files(self) -> dict[str, str]:
        rows = []
        for number, place in enumerate(self.order):
            p = self.world.passages[place]
            rows.append({"id": str(number), "contents": f'"{p.title}"\n{" ".join(p.sentences)}'})
        out = {"corpus.jsonl": lines(rows)}
        for name, splits in self.benchmarks.items():
            for split, items in zip(("train", "test"), splits, strict=True):
                out[f"{name}/{split}.jsonl"] = lines(
                    [
                        {
                            "id": f"{split}_{i}",
                            "question": item.question,
                            "golden_answers": golden(item.answer),
                            "metadata": {"seen": item.relation} if item.relation else {},
                        }
                        for i, item in enumerate(items)
                    ]
                )
        return out


def golden(answer: str) -> list[str]:
    answers = [answer]
    for shorter in (
        r"^(?:the|a|an) (?:brothers )?(.+)$",
        r"^.+ led by (.+)$",
        r"^(.+) and colleagues$",
        r"^(.+)'s company$",
    ):
        found = re.match(shorter, answer)
        if found and found[1] not in answers:
            answers.append(found[1])
    return answers


def lines(rows: Sequence[Mapping[str, object]]) -> str:
    return "".join(json.dumps(r, ensure_ascii=False) + "\n" for r in rows)


def make_sample(seed: int = SEED) -> Sample:
    world = build_world(seed)
    order = list(range(len(world.passages)))
    random.Random(seed + 1).shuffle(order)
    benchmarks = {name: Asker(world, name, random.Random(f"{seed}-{name}")).make() for name in ASKS}
    return Sample(world, order, benchmarks)


def write_vectors() -> int:
    """Encode the corpus in fp32 and write the vectors that are shipped with it; gives how many."""
    from wbrag_pipeline import cpu_arithmetic
    from wbrag_pipeline.datasets.corpora import read_corpus
    from wbrag_pipeline.retrieval.encoding.encoder import load_encoder
    from wbrag_pipeline.retrieval.encoding.shipped_vectors import SAMPLE_VECTORS, write_shipped_vectors

    os.environ[cpu_arithmetic.VARIABLE] = "fp32"
    passages, encoder = read_corpus(OUT / "corpus.jsonl"), load_encoder()
    vectors = encoder.encode_passages(passages["title"].to_list(), passages["text"].to_list())
    write_shipped_vectors(SAMPLE_VECTORS, passages["content_hash"], vectors, encoder)
    return passages.height


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=OUT)
    parser.add_argument("--check", action="store_true", help="compare with the files on disk, write nothing")
    parser.add_argument("--vectors", action="store_true", help="only encode the corpus on disk, and write its vectors")
    options = parser.parse_args()
    if options.vectors:
        print(f"{write_vectors():,} vectors")
        return 0
    files = make_sample().files()
    stale = []
    for name, text in files.items():
        path = options.out / name
        if options.check:
            if not path.is_file() or path.read_text(encoding="utf-8") != text:
                stale.append(name)
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8", newline="\n")
    for name in stale:
        print(f"differs: {name}", file=sys.stderr)
    if not options.check:
        print(f"{len(files)} files, {sum(len(t.encode()) for t in files.values()):,} bytes")
    return 1 if stale else 0


if __name__ == "__main__":
    raise SystemExit(main())
