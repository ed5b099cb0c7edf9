"""Our cron against python3-croniter: what is a schedule, and when is it next.

    cron_differential_test.py [long] [seed]

croniter 1.3.5 (Debian 12) differs from cron in ways that are known, and listed
here.  A difference counts as explained by one of them only where its own
condition holds and where croniter, helped past it, or the calendar, walked day
by day, says what we say.  One that nothing explains fails the test.

  star      Whether one of the two day fields is enough hangs in cron on their
            first characters (*/2 and *,1 begin with a star, 1-31 does not);
            croniter asks whether the field comes to all days, or has a * anywhere.
  overshot  Day 31 (30, 29) is sought in a shorter month and found beyond its
            end, behind the first days of the next: */15 misses March 1st.
  gave up   30 2 and a day of the week: croniter seeks the date that never
            comes, although the day of the week is enough.

  wider     What it reads beyond cron: six fields, 5/10, l, 2#3, h, r, steps
            larger than the field, a range of weekdays that ends with 0, other
            characters for blanks and digits.
  narrower  What it does not read: blanks around a word.
  circled   (6.2.4, for later) 5-5 is once around, the whole field, and 50-10
            goes on from the field's start.
"""

import calendar
import collections
import datetime
import os
import random
import re
import subprocess
import sys

from croniter import CroniterBadDateError, croniter

OK, INVALID, NEVER = range(3)
FIELDS = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 7))
LARGEST_STEPS = (60, 24, 31, 12, 7)
MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
WEEKDAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat", "sun")
WORDS = ("@hourly", "@daily", "@midnight", "@weekly", "@monthly", "@yearly", "@annually")
EPOCH = datetime.datetime(1970, 1, 1)
LAST_START = 146097 * 86400  # after 400 years the calendar repeats
BATCH = 10


class Driver:
    def __init__(self):
        self.process = subprocess.Popen([os.path.join(os.environ["BUILD"], "cron_driver")],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def ask(self, text):
        self.process.stdin.write(text.encode() + b"\n")
        self.process.stdin.flush()
        return [int(word) for word in self.process.stdout.readline().split()]

    def read(self, text):
        return self.ask("cron " + text)

    def next(self, starts):
        return self.ask("local " + " ".join(map(str, starts)))

    def close(self):
        self.process.stdin.close()
        return self.process.wait()


class Writer:
    """Random schedules, and such as nearly are."""

    def __init__(self, source):
        self.random = source

    def value(self, i, n):
        names = MONTHS if i == 3 else WEEKDAYS
        if i >= 3 and self.random.random() < 0.3:
            name = names[n - FIELDS[i][0]]
            return self.random.choice((name, name.upper(), name.title()))
        return "%02d" % n if self.random.random() < 0.05 else str(n)

    def element(self, i):
        low, high = FIELDS[i]
        kind = self.random.random()
        if kind < 0.45:
            return self.value(i, self.random.randint(low, high))
        if kind < 0.6:
            text = "*"
        else:
            first, last = sorted(self.random.choices(range(low, high + 1), k=2))
            if i == 4 and last == 7 and first > 0 and self.random.random() < 0.5:
                text = self.value(i, first) + "-" + self.random.choice(("sun", "Sun"))
            else:
                text = self.value(i, first) + "-" + self.value(i, last)
        if self.random.random() < 0.4:
            text += "/%d" % self.random.randint(1, min(LARGEST_STEPS[i], self.random.choice((5, 100))))
        return text

    def field(self, i):
        if self.random.random() < (0.3 if i < 3 else 0.5):
            return "*"
        return ",".join(self.element(i) for _ in range(self.random.choice((1, 1, 1, 1, 2, 2, 3, 5))))

    def schedule(self):
        kind = self.random.random()
        if kind < 0.01:
            return self.random.choice(("", "", " ")) + self.random.choice(WORDS)
        if kind < 0.03:  # the end of February, and what is rare there
            return "%d %d %s feb %s" % (self.random.randrange(60), self.random.randrange(24),
                                        self.random.choice(("29", "28,29", "29-31", "*/28", "30", "31,30")),
                                        self.random.choice(("*", "*", "*", "*/2", "*/7", "*/3", "mon", "sun,3")))
        return self.random.choice((" ", " ", "\t", "  ")).join(map(self.field, range(5)))

    def damaged(self):
        text = list(self.schedule())
        for _ in range(self.random.choice((1, 1, 2, 3))):
            at = self.random.randrange(len(text) + 1)
            junk = self.random.choice(" \t\n*-/,0123456789lL#hrHR()@jansun+.%\u0663\u00a0é\x7f")
            text[at:at + self.random.randrange(3)] = self.random.choice(([], [junk], [junk]))
        return "".join(text).replace("\n", "\r")


def bits(numbers):
    return sum(1 << n for n in set(numbers))


def meaning(expanded):
    """croniter's lists as our bits."""
    masks = []
    for (low, high), numbers in zip(FIELDS, expanded):
        masks.append(bits(range(low, high + 1) if "*" in numbers else numbers))
    masks[4] = (masks[4] | masks[4] >> 7) & 0x7f
    return masks


def matches_day(read, date):
    _, _, _, days, months, weekdays, either = read
    by_date = days >> date.day & 1
    by_weekday = weekdays >> date.isoweekday() % 7 & 1
    return months >> date.month & 1 and (by_date or by_weekday if either else by_date and by_weekday)


def walk(read, start):
    """The slow way: each minute of a day, each day."""
    times = [60 * (60 * h + m) for h in range(24) for m in range(60) if read[2] >> h & 1 and read[1] >> m & 1]
    day = start // 86400
    while True:
        if matches_day(read, (EPOCH + datetime.timedelta(days=day)).date()):
            for time in times:
                if day * 86400 + time > start:
                    return day * 86400 + time
        day += 1


def begins_with_star(field):
    return field[0] == "*"


class Differential:
    def __init__(self, seed):
        self.random = random.Random(seed)
        self.writer = Writer(self.random)
        self.driver = Driver()
        self.wrong = 0
        self.cases = 0
        self.explained = collections.Counter()

    def complain(self, *what):
        self.wrong += 1
        if self.wrong <= 10:
            print("not explained:", *map(repr, what), file=sys.stderr)

    # What is a schedule.

    def read_theirs(self, text):
        try:
            return croniter(text, 0.0)
        except Exception:  # it falls over some texts, instead of refusing them
            return None

    def is_wider(self, text):
        fields = text.lower().split()
        return (len(fields) == 6 or re.search(r"[^\t -~]", text) is not None
                or any(self.is_wider_element(i, element) for i, field in enumerate(fields) for element in field.split(",")))

    def is_wider_element(self, i, element):
        range_, slash, step = element.partition("/")
        return (re.match(r"[hr]($|[(/])", element) is not None
                or re.search(r"#|(^|-)l", element) is not None
                or slash and "-" not in range_ and range_ != "*"
                or slash and int(step) > LARGEST_STEPS[i]
                or i == 4 and re.search(r"-0+$", range_) is not None)

    def reads(self, text):
        """Both read it, and it comes: our bits, and their iterator.  Else nothing."""
        ours = self.driver.read(text)
        theirs = self.read_theirs(text)
        if ours[0] == INVALID:
            if theirs is not None:
                if self.is_wider(text):
                    self.explained["wider"] += 1
                elif self.is_circled(text, ours, theirs):
                    self.explained["circled"] += 1
                else:
                    self.complain("theirs alone reads", text)
            return None
        if theirs is None:
            if text != text.strip() and text.strip().lower() in WORDS:
                self.explained["narrower"] += 1
            else:
                self.complain("ours alone reads", text)
            return None
        if ours[0] == NEVER:
            self.never(text, theirs)
            return None
        if meaning(theirs.expanded) != ours[1:6]:
            if self.is_circled(text, ours, theirs):
                self.explained["circled"] += 1
            else:
                self.complain("read otherwise", text, ours, theirs.expanded)
            return None
        return ours, theirs

    def ranges(self, i, field):
        """(first, last) of what are ranges."""
        names = (dict(zip(MONTHS, range(1, 13))), dict(zip(WEEKDAYS[:7], range(7))))
        for element in field.lower().split(","):
            ends = element.partition("/")[0].split("-")
            if i >= 3:
                ends = [str(names[i - 3].get(end, end)) for end in ends]
            if len(ends) == 2 and all(map(str.isdigit, ends)):
                yield int(ends[0]), int(ends[1])

    def is_circled(self, text, ours, theirs):
        """Each field that is read otherwise has a range from a value to itself; or one that runs backwards is read."""
        fields = list(enumerate(text.split()))
        if ours[0] == INVALID:
            return any(first > last for i, field in fields for first, last in self.ranges(i, field))
        return all(any(first == last or i == 4 and {first, last} == {0, 7} for first, last in self.ranges(i, field))
                   for i, field in fields if meaning(theirs.expanded)[i] != ours[1 + i])

    def never(self, text, theirs):
        """croniter finds that out when it is asked."""
        try:
            theirs.get_next(float)
        except CroniterBadDateError:
            self.explained["never (both)"] += 1
        else:
            if any(first == last for i in (2, 3) for first, last in self.ranges(i, text.split()[i])):
                self.explained["circled"] += 1
            else:
                self.complain("comes after all", text)

    # When is it next.

    def ask_theirs(self, theirs, start):
        try:
            return int(theirs.get_next(float, start_time=float(start)))
        except CroniterBadDateError:
            return None

    def helped(self, text, theirs, either, start):
        """croniter, told which rule cron has for the two day fields."""
        fields = text.split()
        if not either:
            return self.ask_theirs(croniter(text, 0.0, day_or=False), start)
        answers = [self.ask_theirs(croniter(" ".join(fields[:2] + days), 0.0), start)
                   for days in ([fields[2], fields[3], "*"], ["*", fields[3], fields[4]])]
        return min(answer for answer in answers if answer is not None)

    def is_star(self, text, theirs, read, start, ours):
        if text.strip()[0] == "@":
            return False
        fields = text.split()
        cron_says = not begins_with_star(fields[2]) and not begins_with_star(fields[4])
        croniter_says = theirs.expanded[2][0] != "*" and theirs.expanded[4][0] != "*"
        if cron_says != bool(read[6]):
            self.complain("either day", text, read)
        if cron_says == croniter_says:
            return False
        helped = self.helped(text, theirs, cron_says, start)
        return helped == ours or self.is_overshot(read, start, ours, helped)

    def is_overshot(self, read, start, ours, answer):
        when = EPOCH + datetime.timedelta(seconds=ours)
        before = when - datetime.timedelta(days=when.day)
        length = calendar.monthrange(before.year, before.month)[1]
        return (any(read[3] >> day & 1 and day - length > when.day for day in range(length + 1, 32))
                and (answer is None or answer > ours) and walk(read, start) == ours)

    def gave_up(self, read, start, ours, answer):
        dates = ((month, day) for month in range(1, 13) for day in range(1, calendar.monthrange(2000, month)[1] + 1))
        return (answer is None and read[6] and not any(read[4] >> month & 1 and read[3] >> day & 1 for month, day in dates)
                and walk(read, start) == ours)

    def explain(self, text, theirs, read, start, ours, answer):
        if self.is_star(text, theirs, read, start, ours):
            self.explained["star"] += 1
        elif self.gave_up(read, start, ours, answer):
            self.explained["gave up"] += 1
        elif self.is_overshot(read, start, ours, answer):
            self.explained["overshot"] += 1
        else:
            self.complain(text, start, ours, answer, walk(read, start))

    def compare(self, text, read, theirs):
        starts = [self.random.randrange(LAST_START) for _ in range(BATCH - 1)]
        starts.append(starts[0] // 86400 * 86400)
        for start, ours in zip(starts, self.driver.next(starts)):
            answer = self.ask_theirs(theirs, start)
            self.cases += 1
            if answer == ours:
                self.explained["the same"] += 1
            else:
                self.explain(text, theirs, read, start, ours, answer)

    def run(self, count):
        while self.cases < count:
            text = self.writer.schedule()
            both = self.reads(text)
            if both:
                self.compare(text, *both)
            self.reads(self.writer.damaged())
        if self.explained["the same"] < 0.8 * count:
            self.complain("few are the same", self.explained)
        return self.driver.close() == 0 and self.wrong == 0


def main():
    arguments = sys.argv[1:]
    count = 1000000 if "long" in arguments else 100000
    seed = next((word for word in arguments if word != "long"), "secrets")
    test = Differential(seed)
    good = test.run(count)
    print(f"cron-differential: {test.cases} cases against python3-croniter:",
          ", ".join(f"{n} {why}" for why, n in test.explained.most_common()))
    print(f"cron-differential: {int(good)} passed, {int(not good)} failed")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
