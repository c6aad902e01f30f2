"""Units of measure, and what an amount is counted by: "a month", "per user per month"."""

import re

# As written: one, many.
_UNITS_TEXT = """
Mbps Mbit/s Mb/s mbps Mbs|megabit per second|megabits per second
Gbps Gbit/s Gb/s gbps|gigabit per second|gigabits per second
kbps Kbps kbit/s kb/s|kilobit per second|kilobits per second
MB/s MBps|megabyte per second|megabytes per second
GB/s|gigabyte per second|gigabytes per second
TB|terabyte|terabytes
PB|petabyte|petabytes
KiB|kibibyte|kibibytes
MiB|mebibyte|mebibytes
GiB|gibibyte|gibibytes
TiB|tebibyte|tebibytes
GB gb|gigabyte|gigabytes
MB mb|megabyte|megabytes
KB kB|kilobyte|kilobytes
Gb|gigabit|gigabits
km/h kmh kph|kilometer per hour|kilometers per hour
m/s|meter per second|meters per second
m/s² m/s^2|meter per second squared|meters per second squared
mph|mile per hour|miles per hour
km|kilometer|kilometers
m|meter|meters
cm|centimeter|centimeters
mm|millimeter|millimeters
µm μm|micrometer|micrometers
nm|nanometer|nanometers
mmHg|millimeter of mercury|millimeters of mercury
mi|mile|miles
ft|foot|feet
yd yds|yard|yards
kg kgs|kilogram|kilograms
g|gram|grams
mg|milligram|milligrams
µg μg mcg|microgram|micrograms
lb lbs|pound|pounds
oz|ounce|ounces
L l|liter|liters
ml mL|milliliter|milliliters
cl cL|centiliter|centiliters
dl dL|deciliter|deciliters
°C ºC ℃|degree Celsius|degrees Celsius
°F ºF ℉|degree Fahrenheit|degrees Fahrenheit
° º|degree|degrees
ms|millisecond|milliseconds
µs μs|microsecond|microseconds
ns|nanosecond|nanoseconds
s sec secs|second|seconds
min mins|minute|minutes
h hr hrs|hour|hours
wk wks|week|weeks
yr yrs|year|years
kWh|kilowatt hour|kilowatt hours
MWh|megawatt hour|megawatt hours
GWh|gigawatt hour|gigawatt hours
Wh|watt hour|watt hours
kcal|kilocalorie|kilocalories
kJ|kilojoule|kilojoules
kPa|kilopascal|kilopascals
hPa|hectopascal|hectopascals
psi|pound per square inch|pounds per square inch
bpm|beat per minute|beats per minute
Ω Ω|ohm|ohms
kΩ kΩ|kilohm|kilohms
MΩ MΩ|megohm|megohms
MP|megapixel|megapixels
ppm|part per million|parts per million
dpi|dot per inch|dots per inch
ha|hectare|hectares
MW|megawatt|megawatts
kW|kilowatt|kilowatts
W|watt|watts
mAh|milliamp hour|milliamp hours
mA|milliamp|milliamps
V|volt|volts
GHz|gigahertz|gigahertz
MHz|megahertz|megahertz
kHz|kilohertz|kilohertz
Hz|hertz|hertz
dBm dB|decibel|decibels
fps|frame per second|frames per second
rpm|revolution per minute|revolutions per minute
px|pixel|pixels
m² m^2 m2|square meter|square meters
cm² cm^2|square centimeter|square centimeters
ft² ft^2|square foot|square feet
km² km^2|square kilometer|square kilometers
m³ m^3|cubic meter|cubic meters
cm³ cm^3|cubic centimeter|cubic centimeters
tbsp|tablespoon|tablespoons
tsp|teaspoon|teaspoons
fl oz|fluid ounce|fluid ounces
gal|gallon|gallons
pt|pint|pints
qt|quart|quarts
sq\u00a0ft sqft|square foot|square feet
%|percent|percent
‰|per mille|per mille
p|penny|pence
¢|cent|cents
k|thousand|thousand
"""
UNITS: dict[str, tuple[str, str]] = {}
for _line in _UNITS_TEXT.strip().splitlines():
    _names, _one, _more = _line.split("|")
    UNITS |= {_name.replace("\u00a0", " "): (_one, _more) for _name in _names.split(" ")}
UNIT = "|".join(re.escape(unit) for unit in sorted(UNITS, key=len, reverse=True))

SCALES = {"k": "thousand", "m": "million", "b": "billion", "bn": "billion", "tn": "trillion"}
# Beside a unit, what stands behind a slash.
_PER = {
    "mo": "month", "mth": "month", "month": "month", "yr": "year", "year": "year", "wk": "week", "week": "week",
    "day": "day", "night": "night", "hr": "hour", "h": "hour", "hour": "hour", "min": "minute", "minute": "minute",
    "sec": "second", "s": "second", "second": "second", "GB": "gigabyte", "MB": "megabyte", "kWh": "kilowatt hour",
    "kg": "kilogram", "user": "user", "line": "line", "person": "person", "item": "item", "call": "call", "m": "month",
    "head": "head", "seat": "seat", "unit": "unit", "mile": "mile", "km": "kilometer", "mg": "milligram", "L": "liter",
    "l": "liter", "dL": "deciliter", "mL": "milliliter", "ml": "milliliter", "m²": "square meter", "m2": "square meter",
    "lb": "pound",
    "sq ft": "square foot", "sqft": "square foot", "ft²": "square foot", "token": "token", "request": "request",
    "visit": "visit", "room": "room", "device": "device", "account": "account", "quarter": "quarter", "d": "day",
}  # fmt: skip
_PERS = "|".join(re.escape(name) for name in sorted(_PER, key=len, reverse=True))
PER = rf"(?P<per>(?:\s?/\s?(?:{_PERS})(?!\w)){{1,3}}(?:\.(?=\s+[a-z]))?)?"
_TIMES = "mo|mth|month|yr|year|wk|week|day|night|hr|hour|h|min|minute|sec|second|s"
COUNTED = rf"(?P<what>[A-Za-z]{{2,20}})(?P<per>(?:/(?:{_PERS})(?!\w)){{0,2}}/(?:{_TIMES})(?!\w))"  # calls/hour


def per(m: re.Match[str]) -> str:
    """The "per month" of $30/month, the "per user per month" of $5/user/mo."""
    return "".join(f" per {_PER[part.strip(' .')]}" for part in (m["per"] or "").split("/")[1:])
