"""How long requests wait for one of several servers: M/G/c, by approximations of the textbooks. Pure.

Callers are many and do not know of each other, so their requests come as a Poisson stream (Palm and Khintchine). For
exponential service times the mean wait is Erlang's, exact. For wilder ones it is scaled by half the sum of the squared
coefficients of variation (Allen and Cunneen; A. O. Allen, "Probability, Statistics and Queueing Theory", 2nd ed., 5.3).
For steadier ones that is too little where servers are many, so it lies between Erlang's and that of service by the
clock, by the squared coefficient (E. Page, "Tandem Queueing", 1972), and the latter is Cosmetatos's ("Approximate
explicit formulae for the average queueing time in M/D/r and D/M/r", INFOR 13, 1975). With one server all of them are
Pollaczek and Khintchine's, exact. A wait that happens is taken as exponential, of the mean that follows.
"""

import math

from msgspec import Struct


class ServiceQueue(Struct, frozen=True):
    """Requests that come at random and are served in order by whichever of equal servers is free."""

    servers: int
    arrivals: float  # a second
    service_s: float  # of one request, mean
    variation: float = 1.0  # standard deviation of the service time over its mean

    @property
    def load(self) -> float:
        """Servers that are busy on average, were there enough: Erlangs."""
        return self.arrivals * self.service_s

    @property
    def utilisation(self) -> float:
        """Share of the servers that are busy; from 1 on the queue grows without end."""
        return self.load / self.servers

    @property
    def waits(self) -> float:
        """Share of the requests that wait at all."""
        return erlang_c(self.servers, self.load)

    @property
    def mean_wait_s(self) -> float:
        """Seconds that a request waits on average, those that do not wait among them."""
        if self.utilisation >= 1:
            return math.inf
        exponential, squared = self.waits * self.service_s / (self.servers - self.load), self.variation**2
        if squared >= 1:
            return exponential * (1 + squared) / 2
        root = math.sqrt(4 + 5 * self.servers) - 2
        by_the_clock = (1 + (1 - self.utilisation) * (self.servers - 1) * root / (16 * self.load)) / 2
        return exponential * (squared + (1 - squared) * by_the_clock)

    def wait_s(self, share: float) -> float:
        """Seconds that this share of the requests waits at most."""
        if self.utilisation >= 1:
            return math.inf
        late = self.waits / (1 - share)
        return self.mean_wait_s / self.waits * math.log(late) if late > 1 else 0.0


def erlang_c(servers: int, load: float) -> float:
    """The chance that all servers are busy (Erlang C), by the recursion of Erlang B, which does not overflow."""
    if load >= servers:
        return 1.0
    blocked = 1.0
    for number in range(1, servers + 1):
        blocked = load * blocked / (number + load * blocked)
    return blocked / (1 - load / servers * (1 - blocked))
