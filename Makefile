# The lab's face. Each verb is a command of lab/; `make` alone prints this help.

PYTHON = python3
# Isolated (-I): no PYTHON… variable of the shell reaches it, and (-S) no .pth file of this Python.
LAB = @command -v $(PYTHON) >/dev/null || { echo "lab: $(PYTHON) is missing: install Python 3.11 or newer, with venv." >&2; exit 1; }; \
	$(PYTHON) -IS lab/bootstrap.py

# The arguments of a verb count only from make's own command line, so each is passed on as an option of the lab's
# command: a variable of the same name in the user's shell (FORCE=1, USERS=…) means something else.
given = $(if $(filter command,$(firstword $(origin $1))),$(value $1))
quoted = '$(subst ','\'',$1)'
# $(call option,NAME,--name=) is --name='its value', or nothing when NAME is not given.
option = $(if $(call given,$1),$2$(call quoted,$(call given,$1)))
# $(call flag,NAME,--name) is --name when NAME=1 is given.
flag = $(if $(filter 1,$(call given,$1)),$2)
LOAD = $(call option,PROFILE,--profile=) $(call option,USERS,--users=) $(call option,DURATION,--duration=) $(call option,SEED,--seed=)

.PHONY: help doctor up down status logs restart clean load ledger report panels images alerts drill drills incident load-ui lesson-multiprocess test check generate update pictures
.DEFAULT_GOAL := help

help: ## Print this help
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1\t/' | expand -t 30

# Starts nothing. Exit code 1 when a check fails.
doctor: ## Run the checks of `make up` on this machine, and print what to do about those that fail
	$(LAB) doctor

# On a running lab it only applies changes in the checkout, for example after `git pull`.
up: ## Start the lab and wait until all of it works
	$(LAB) up

# The data is in `.lab/` or in Docker's volumes.
down: ## Stop the lab; its data stays
	$(LAB) down

# Exit code 1 when there is any.
status: ## Show each part, its address and its trouble
	$(LAB) status

logs: ## Print what the parts said last: S=nginx for one, FOLLOW=1 to go on
	$(LAB) logs $(call flag,FOLLOW,--follow) $(call option,S,-- )

# Waits until it works.
restart: ## Restart one part: S=nginx
	$(LAB) restart $(call option,S,-- )

# That includes the certificates and the secrets.
clean: ## Stop the lab and remove its data: FORCE=1 does not ask
	$(LAB) clean $(call flag,FORCE,--force)

# Then balances the books. `DURATION=` is a time such as `90s`, `5m` or `1h`.
load: ## Shop: PROFILE=smoke|steady|ramp|spike|flash-sale USERS=… DURATION=… SEED=…
	$(LAB) load $(LOAD)

# Exit code 1 unless it is exact.
ledger: ## Print the last run's ledger: R=.lab/reports/load-….json for another
	$(LAB) ledger $(call option,R,-- )

report: ## Write the last run's report and open it: R=… for another, R="A B" for two side by side
	$(LAB) report $(call option,R,--runs=)

# Runs each over every span of time that its dashboard offers. Exit code 1 when one is refused, slow, or
# shows nothing though it should.
panels: ## Run every query of every dashboard, and say which shows nothing
	$(LAB) panels

# Asks the registries, without pulling any. Exit code 1 unless each exists.
images: ## Check that each official image exists, for amd64 and arm64
	$(LAB) images

# Exit code 1 when Prometheus, Alertmanager or the receiver is away.
alerts: ## Print what fires, what Alertmanager has of it, and whom it told what
	$(LAB) alerts

# Reverts the fault afterwards, and prints the second of each step; see docs/alerts.md.
drill: ## Break one thing under load and wait for its alerts to fire and end: D=bad-deploy
	$(LAB) drill $(call option,D,-- )

# About two minutes each, and the last one up to an hour.
drills: ## Run every drill that this runtime has what it needs for
	$(LAB) drills

# See docs/alerts.md.
incident: ## Play: something breaks under load, and you find the tier and the cause; SEED=… for the same again
	$(LAB) incident $(call option,SEED,--seed=)

# It is at http://localhost:8089.
load-ui: ## Shop from Locust's own page
	$(LAB) load-ui $(LOAD)

# Sends two shops the same requests, one with a registry per worker as most demos have it, and shows both
# counters scrape by scrape. Needs no lab.
lesson-multiprocess: ## See how Django's counters go wrong with several workers, and how not
	$(LAB) lesson-multiprocess

# They use the lab that is running, or start one on the host. With `RUNTIME=host` or `RUNTIME=compose` only those
# that need a lab.
test: ## Run all tests, starting the lab if needed; THOROUGH=1 adds those left to the other runtime
	$(LAB) test $(call flag,THOROUGH,--thorough)

check: ## Run the tests that need no running lab, and the linters
	$(LAB) check

generate: ## Write what is generated: docs/metrics.md, tables of the docs, nginx/routes.conf, the dashboards, the rules, the products' pictures
	$(LAB) generate

# In `requirements/`, with hashes. Also prints which images are past their support. Run `make check` afterwards.
update: ## Lock the newest Python packages and print what changed
	$(LAB) update

# In headless Chromium.
pictures: ## Take the pictures of the docs anew, from the lab that runs and its last report
	$(LAB) pictures
