/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the entries of the journal are about: the field MESSAGE_ID, by which conf/tocsin.catalog explains them and people
 * find them. An id that was released stays what it is. */
#pragma once

/* an item of a check fails: found, worse, milder, told late, again or to somebody else; EVENT says which */
#define MESSAGE_FAILS "03fbb755c2ee45a69b0c113e0cb33503"
#define MESSAGE_BLIND "3f4d70b5ecac43b29f29b79d9c9fce10" /* nobody can look at an item */
#define MESSAGE_WELL "823fb5584a014b69ac914446d60b2562" /* an item is well again, or can be seen again */
#define MESSAGE_CHANGES "2bcd7568ccfa47d3a096f50ba102695a" /* an item changes its state too often, or no longer does */
#define MESSAGE_NOTED "1e3559b9818b47879406f1410e67ae19" /* something was acknowledged, silenced, removed or tested */
#define MESSAGE_RESTARTED "a09ccc886bca478c85926917764a1090" /* the host has restarted */
#define MESSAGE_MAIL_QUEUED "8f714bd08c854ba990492bc7fbc67a74" /* a mail waits for its way to the server */
#define MESSAGE_MAIL_SENT "eb8a52604a5046b49e331d3959f4152d" /* a server has accepted a mail for a recipient */
#define MESSAGE_MAIL_REFUSED "af1fc9afac6749269d59201cb83d3429" /* an attempt to send a mail has failed */
#define MESSAGE_MAIL_LOST "a96cb3d56fe54291bf1d974c8921c4ce" /* a mail will not reach a recipient */
/* the state file cannot be written; the daemon goes on from memory */
#define MESSAGE_MEMORY_BEGINS "faec15e46ba044c99261ecbf40eaade6"
#define MESSAGE_MEMORY_ENDS "3a0d4724a58548e5824c0ae95ef73659" /* the state file is written again */
#define MESSAGE_STARTED "b4c90e78b7a64bf1bf252c3a47755d6b" /* the daemon watches the host */
#define MESSAGE_STOPPING "d65218d995a44225a555d2dea07b9b9d" /* the daemon ends */
#define MESSAGE_RELOADED "476e14b79afb4b7a8c9a670258d7f55b" /* another configuration is in force */
#define MESSAGE_RELOAD_REFUSED "a651ff2d4f1043549a033c61f92604aa" /* a configuration has errors; the former one stays */
