"""Our next time in real time zones against walking there, and Python's zoneinfo.

    wall_differential_test.py [long] [seed]

The walk goes by the words of the promise: it looks at the wall at every minute
(every second, where a zone is odd seconds off), and a local time comes when the
wall first shows it, or, where the wall leaves it out, as soon as that has been
put forward.  It knows nothing of spans, nor of the latest time shown.
"""

import bisect
import collections
import datetime
import math
import os
import random
import subprocess
import sys
import zoneinfo

from datetime import timedelta

UTC = datetime.timezone.utc
EPOCH = datetime.datetime(1970, 1, 1)
EPOCH_UTC = EPOCH.replace(tzinfo=UTC)
DAY = 86400
FIRST_YEAR, LAST_YEAR = 1840, 2040  # of windows

ZONES = (
    "UTC",
    "Europe/Berlin", "America/New_York", "America/Santiago",
    "Europe/Dublin",  # its winter is the exception
    "Europe/London",  # double summer time in the war
    "Europe/Amsterdam",  # 00:19:32 ahead until 1937
    "America/St_Johns",  # at one minute past midnight
    "America/Sao_Paulo",  # days that begin at one
    "Africa/Casablanca",  # four changes a year, for Ramadan
    "Africa/Monrovia",  # 00:44:30 behind until 1972
    "Asia/Kathmandu", "Asia/Tehran", "Asia/Gaza",
    "Asia/Manila", "America/Juneau",  # lived through a day twice when the date line moved
    "Antarctica/Troll",  # two hours, from none to two
    "Antarctica/Casey",  # three hours to and fro
    "Australia/Lord_Howe",  # half an hour
    "Pacific/Apia", "Pacific/Kwajalein",  # left out a day
)
# Changes that no run leaves out.
NOTABLE = {
    "Pacific/Apia": ["2011-12-30"], "Pacific/Kwajalein": ["1993-08-21", "1969-10-01"], "Asia/Manila": ["1844-12-31"],
    "America/Juneau": ["1867-10-18"], "Africa/Monrovia": ["1972-01-07"], "Europe/Amsterdam": ["1937-07-01", "1940-05-16"],
    "Antarctica/Troll": ["2022-03-27", "2022-10-30"], "Australia/Lord_Howe": ["2022-04-02", "2022-10-01"],
    "America/St_Johns": ["2006-10-29", "2007-03-11"], "America/Sao_Paulo": ["2018-11-04"],
}
SCHEDULES_A_WINDOW = 30
STARTS_A_SCHEDULE = 40


def instant_of(when):
    return int((when - EPOCH_UTC) / timedelta(seconds=1))


def new_year(year):
    return instant_of(datetime.datetime(year, 1, 1, tzinfo=UTC))


class Place:
    def __init__(self, name):
        self.zone = zoneinfo.ZoneInfo(name)
        self.name = name
        self.changes = list(self.find_changes(new_year(FIRST_YEAR), new_year(LAST_YEAR + 10)))

    def ahead(self, instant):
        when = (EPOCH_UTC + timedelta(seconds=instant)).astimezone(self.zone)
        return int(when.utcoffset().total_seconds())

    def find_changes(self, begin, end):
        """(instant, how far ahead from then on); looks once a day, and then for the second."""
        before = self.ahead(begin)
        yield begin, before
        for low in range(begin, end, DAY):
            high, after = low + DAY, self.ahead(low + DAY)
            if after == before:
                continue
            while high - low > 1:
                middle = (low + high) // 2
                if self.ahead(middle) == before:
                    low = middle
                else:
                    high = middle
            yield high, after
            before = after

    def wall(self):
        words = [str(self.changes[0][1])]
        for instant, ahead in self.changes[1:]:
            words += [str(instant), str(ahead)]
        return "wall " + " ".join(words)


class Window:
    """Some days at a place, walked."""

    def __init__(self, place, begin, days):
        self.place = place
        self.begin = begin // DAY * DAY
        self.end = self.begin + days * DAY
        self.coming = self.walk()

    def walk(self):
        """(instant, local time that comes then, in its parts), in this order."""
        step = math.gcd(60, *(self.place.ahead(t) for t in range(self.begin, self.end + 1, 1800)))
        shown = set()
        coming = []
        previous = None
        for instant in range(self.begin, self.end, step):
            local = instant + self.place.ahead(instant)
            if previous is not None and local > previous + step:
                left_out = range(-(-(previous + 1) // 60) * 60, local, 60)
                coming += [(instant, time) for time in left_out if time not in shown]
                shown.update(left_out)
            if local % 60 == 0 and local not in shown:
                coming.append((instant, local))
                shown.add(local)
            previous = local
        return [(instant, self.parts(local)) for instant, local in coming]

    @staticmethod
    def parts(local):
        when = EPOCH + timedelta(seconds=local)
        return when.minute, when.hour, when.day, when.month, when.isoweekday() % 7

    def times(self, read):
        """When it comes, by the bits of its fields."""
        minutes, hours, days, months, weekdays, either = read
        times = []
        for instant, (minute, hour, day, month, weekday) in self.coming:
            if minutes >> minute & 1 and hours >> hour & 1 and months >> month & 1:
                by_day, by_weekday = days >> day & 1, weekdays >> weekday & 1
                if by_day or by_weekday if either else by_day and by_weekday:
                    times.append(instant)
        return times


class Driver:
    def __init__(self):
        self.process = subprocess.Popen([os.path.join(os.environ["BUILD"], "cron_driver")],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def tell(self, line):
        self.process.stdin.write(line + "\n")

    def ask(self, line):
        self.tell(line)
        self.process.stdin.flush()
        return self.process.stdout.readline().split()

    def close(self):
        self.process.stdin.close()
        return self.process.wait()


class Differential:
    def __init__(self, seed):
        self.random = random.Random(seed)
        self.driver = Driver()
        self.wrong = 0
        self.seen = collections.Counter()

    def complain(self, *what):
        self.wrong += 1
        if self.wrong <= 10:
            print("wrong:", *map(str, what), file=sys.stderr)

    def schedule(self):
        def some(low, high, all_of_them):
            if self.random.random() < all_of_them:
                return self.random.choice(("*", "*", "*", "*", "*/%d" % self.random.randint(2, 7)))
            return ",".join(str(self.random.randint(low, high)) for _ in range(self.random.choice((1, 1, 2, 4))))

        return " ".join((some(0, 59, 0.3), self.random.choice((some(0, 23, 0.5), some(0, 3, 0), "23,0")),
                         some(1, 31, 0.9), some(1, 12, 0.98), some(0, 7, 0.9)))

    def starts(self, window, count, room):
        """After two days, so that what was shown before is known; often near a change."""
        low, high = window.begin + 2 * DAY, window.end - room
        near = [instant for instant, _ in window.place.changes if low <= instant < high]
        for _ in range(count):
            kind = self.random.random()
            if near and kind < 0.6:
                start = self.random.choice(near) + self.random.randint(-9000, 9000)
            elif near and kind < 0.65:
                start = self.random.choice(near) + self.random.choice((-3600, -1800, -60, -1, 0, 1, 60, 1800, 3600))
            elif kind < 0.8:
                start = self.random.choice(window.coming)[0]
            else:
                start = self.random.randrange(low, high)
            yield min(max(start, low), high - 1)

    def cron(self, window):
        """What comes in the window comes then; what does not comes later."""
        for _ in range(SCHEDULES_A_WINDOW):
            text = self.schedule()
            result, *read = map(int, self.driver.ask("cron " + text))
            if result != 0:
                continue
            times = window.times(read)
            starts = list(self.starts(window, STARTS_A_SCHEDULE, 0))
            for start, ours in zip(starts, map(int, self.driver.ask("next " + " ".join(map(str, starts))))):
                at = bisect.bisect_right(times, start)
                wanted = times[at] if at < len(times) else None
                self.seen["in the window" if wanted is not None else "later"] += 1
                if ours != wanted if wanted is not None else ours < window.end:
                    self.complain(window.place.name, text, "after", start, "is", ours, "not", wanted)

    def add(self, window):
        """The local time that many months and days later, first of two, or what left it out."""
        for _ in range(4):
            months = self.random.choice((0, 0, 0, 1, self.random.randrange(30)))
            days = self.random.choice((1, 1, 2, self.random.randrange(1, 400)))
            starts = list(self.starts(window, 10, 0))
            self.sums(window.place, months, days, starts)
        for instant, _ in window.place.changes[1:]:
            days = self.random.randrange(1, 4)
            self.sums(window.place, 0, days, [instant - days * DAY + self.random.randint(-4000, 4000)])

    def sums(self, place, months, days, starts):
        for start, answer in zip(starts, self.driver.ask(f"add {months} {days} " + " ".join(map(str, starts)))):
            self.check_sum(place, start, months, days, int(answer.rstrip("!")), answer.endswith("!"))

    def check_sum(self, place, start, months, days, ours, skipped):
        local = EPOCH + timedelta(seconds=start + place.ahead(start))
        wanted = add_months(local, months) + timedelta(days=days)
        first = instant_of(wanted.replace(tzinfo=place.zone))
        self.seen["sums"] += 1
        wanted = int((wanted - EPOCH).total_seconds())
        if skipped:
            self.seen["sums left out"] += 1
            good = ours > start and ours - 1 + place.ahead(ours - 1) < wanted < ours + place.ahead(ours)
        else:
            good = ours > start and ours + place.ahead(ours) == wanted and (ours == first or first <= start)
        if not good:
            self.complain(place.name, start, "and", months, "months", days, "days is", ours, skipped)

    def windows(self, place):
        days = [datetime.datetime.fromisoformat(day).replace(tzinfo=UTC) for day in NOTABLE.get(place.name, [])]
        changes = [instant for instant, _ in place.changes[1:] if instant < new_year(LAST_YEAR)]
        chosen = [instant_of(day) for day in days]
        chosen += self.random.sample(changes, min(len(changes), 5 - len(chosen)))
        chosen += [self.random.randrange(0, 60 * 365 * DAY) for _ in range(6 - len(chosen))]
        for instant in chosen:
            yield Window(place, instant - 3 * DAY, 7)

    def run(self, rounds):
        places = [Place(name) for name in ZONES]
        for _ in range(rounds):
            for place in places:
                self.driver.tell(place.wall())
                for window in self.windows(place):
                    self.cron(window)
                    self.add(window)
        for kind in ("in the window", "later", "sums", "sums left out"):
            if self.seen[kind] < 1000:
                self.complain("hardly any", kind)
        return self.driver.close() == 0 and self.wrong == 0


def add_months(when, months):
    month = when.month - 1 + months
    year, month = when.year + month // 12, month % 12 + 1
    for day in range(when.day, 0, -1):
        try:
            return when.replace(year=year, month=month, day=day)
        except ValueError:
            continue


def main():
    arguments = sys.argv[1:]
    seed = next((word for word in arguments if word != "long"), "secrets")
    test = Differential(seed)
    good = test.run(20 if "long" in arguments else 1)
    print(f"wall-differential: {len(ZONES)} zones:", ", ".join(f"{n} {kind}" for kind, n in test.seen.items()))
    print(f"wall-differential: {int(good)} passed, {int(not good)} failed")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
