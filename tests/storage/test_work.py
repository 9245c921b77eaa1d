"""What is put by for after the commit, and when it is done."""

from __future__ import annotations

import pytest

from idp.domain.ports import Stores
from idp.errors import Conflict, EndingUnsettled, NotFound, SignInRefused, Unavailable

from ..builders import a_user


def test_it_is_done_when_the_outermost_transaction_is_over(stores: Stores) -> None:
    ada, seen = a_user(), []
    with stores.work():
        with stores.work():
            stores.users.add(ada)
            stores.work.after_commit(lambda: seen.append(stores.users.get(ada.id)))
        assert seen == []
    assert seen == [ada]


@pytest.mark.parametrize(("error", "done"), [(SignInRefused(), [1]), (NotFound(), []), (ValueError(), [])])
def test_it_is_done_if_the_work_was_kept(stores: Stores, error: Exception, done: list[int]) -> None:
    seen: list[int] = []

    def work() -> None:
        with stores.work():
            stores.work.after_commit(lambda: seen.append(1))
            raise error

    with pytest.raises(type(error)):
        work()
    assert seen == done


def test_a_commit_that_fails_is_followed_by_nothing(stores: Stores) -> None:
    seen: list[int] = []

    def work() -> None:
        with stores.work():
            stores.work.after_commit(lambda: seen.append(1))
            stores.users.add(ada)
            stores.users.add(ada)

    ada = a_user()
    with pytest.raises(Conflict):
        work()
    assert seen == []


def test_what_one_act_raises_keeps_no_other_from_being_done(stores: Stores) -> None:
    seen: list[int] = []

    def fail() -> None:
        raise EndingUnsettled(2.75)

    def work(error: Exception | None = None) -> None:
        with stores.work():
            stores.work.after_commit(fail)
            stores.work.after_commit(lambda: seen.append(1))
            if error is not None:
                raise error

    with pytest.raises(EndingUnsettled) as unsettled:
        work()
    assert unsettled.value.retry_after == 3
    with pytest.raises(Unavailable):  # in the place of the refusal: it would have said that all is done
        work(SignInRefused())
    assert seen == [1, 1]


def test_outside_a_transaction_it_is_done_at_once(stores: Stores) -> None:
    seen: list[int] = []
    stores.work.after_commit(lambda: seen.append(1))
    assert seen == [1]
    with stores.work():
        pass
    assert seen == [1]
