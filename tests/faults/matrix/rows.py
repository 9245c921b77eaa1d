"""Where each row of the matrix is proven that is not proven in this folder; and what is not proven at all.

The tests are named by reference, so a row whose test goes away or changes its name is a broken import.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.oidc import test_backchannel_logout
from tests.races import test_ends, test_makings, test_tokens
from tests.services import test_restoring
from tests.storage import (
    test_hot_copy,
    test_hot_enemies,
    test_postgres_faults,
    test_postgres_standby,
    test_sqlite_faults,
)
from tests.web import test_mails

ELSEWHERE: dict[str, tuple[Callable[..., Any], ...]] = {
    "F-10": (
        test_hot_enemies.test_failover_to_a_replica_that_lags,
        test_hot_enemies.test_failover_to_a_replica_that_confirmed,
    ),
    "F-11": (test_hot_enemies.test_a_replica_is_never_believed,),
    "F-12": (
        test_hot_enemies.test_a_fill_of_a_clock_that_was_set_back,
        test_hot_copy.test_a_lease_longer_than_leases_are_is_none,
    ),
    "F-13": (
        test_hot_copy.test_nonsense_is_a_miss_and_is_put_right,
        test_hot_copy.test_a_nonsensical_generation_is_made_anew,
    ),
    "F-22": (
        test_postgres_standby.test_what_was_acknowledged_survives_the_loss_of_the_primary,
        test_postgres_standby.test_a_commit_that_no_standby_confirmed_is_not_acknowledged,
    ),
    "F-24": (test_postgres_faults.test_a_pool_that_is_all_out_answers_in_time,),
    "F-28": (test_postgres_faults.test_without_room_writes_are_refused_and_reads_go_on,),
    "F-29": (test_sqlite_faults.test_a_provider_on_a_full_disk_answers_503_and_recovers,),
    "F-31": (test_sqlite_faults.test_every_acknowledged_ending_is_in_a_copy_taken_while_it_runs,),
    "F-36": (test_makings.test_processes_that_start_at_once_on_an_empty_database_make_one_active_key,),
    "F-37": (
        test_tokens.test_fifty_uses_of_one_refresh_token_give_one_successor_and_the_family_lives,
        test_tokens.test_without_grace_one_use_succeeds_at_most_and_the_client_session_ends,
    ),
    "F-38": (test_tokens.test_fifty_redemptions_of_one_code_give_one_success_and_the_replays_end_it,),
    "F-39": (test_ends.test_nothing_survives_an_end_that_races_refreshes,),
    "F-43": (
        test_backchannel_logout.test_a_dead_one_is_tried_for_a_day,
        test_backchannel_logout.test_what_is_refused_is_repeated_twice,
        test_backchannel_logout.test_no_private_address_is_reached_without_the_switch,
        test_backchannel_logout.test_a_slow_one_delays_nobody,
    ),
    "F-44": (test_mails.test_a_mail_waits_for_its_server_and_nobody_else_does,),
    "F-46": (
        test_restoring.test_what_the_backup_had_open_ends,
        test_restoring.test_what_the_backup_does_not_know_dies_with_its_client,
        test_restoring.test_no_number_is_given_twice_and_every_follower_is_told,
    ),
}

NOWHERE: dict[str, str] = {
    "F-23": "no decision reads a replica, for no setting names one: there is nothing to inject",
}
