# The lab's entry point. Each target runs a command in lab/; `make` alone prints the help.

PYTHON = python3
# -I ignores the shell's PYTHON… variables, and -S ignores the .pth files of this Python.
LAB = @command -v $(PYTHON) >/dev/null || { echo "lab: $(PYTHON) is missing: install Python 3.11 or newer, with venv." >&2; exit 1; }; \
	$(PYTHON) -IS lab/bootstrap.py

# Only arguments on make's own command line count, because a variable of the same name in the user's shell (FORCE=1,
# USERS=…) may mean something else. Each argument is passed to the lab's command as an option.
given = $(if $(filter command,$(firstword $(origin $1))),$(value $1))
quoted = '$(subst ','\'',$1)'
# $(call option,NAME,--name=) expands to --name='its value', or to nothing if NAME is not given.
option = $(if $(call given,$1),$2$(call quoted,$(call given,$1)))
# $(call flag,NAME,--name) expands to --name if NAME=1 is given.
flag = $(if $(filter 1,$(call given,$1)),$2)
LOAD = $(call option,PROFILE,--profile=) $(call option,USERS,--users=) $(call option,DURATION,--duration=) $(call option,SEED,--seed=)

.PHONY: help doctor up down status logs restart clean load ledger report panels images alerts drill drills incident load-ui lesson-multiprocess test check generate update pictures
.DEFAULT_GOAL := help

help: ## Print this help
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1\t/' | expand -t 30

# Starts nothing. Exit code 1 if a check fails.
doctor: ## Check whether `make up` can start the lab on this machine, and print how to fix any problems
	$(LAB) doctor

# If the lab is running, applies what changed in the checkout, for example after `git pull`.
up: ## Start the lab and wait until every service works
	$(LAB) up

# The data is in `.lab/` or in Docker volumes.
down: ## Stop the lab and keep its data
	$(LAB) down

# Exit code 1 if a service has a problem.
status: ## Show each service's state and URL, and any problems
	$(LAB) status

logs: ## Show the latest log lines from each service: S=nginx for one service, FOLLOW=1 to follow the log
	$(LAB) logs $(call flag,FOLLOW,--follow) $(call option,S,-- )

# Waits until it works again.
restart: ## Restart one service: S=nginx
	$(LAB) restart $(call option,S,-- )

# The data includes the certificates and the secrets.
clean: ## Stop the lab and delete its data: FORCE=1 skips the confirmation
	$(LAB) clean $(call flag,FORCE,--force)

# Prints the ledger and writes the report afterwards. Set `DURATION` to a value such as `90s`, `5m` or `1h`.
load: ## Run a load test: PROFILE=smoke|steady|ramp|spike|flash-sale USERS=… DURATION=… SEED=…
	$(LAB) load $(LOAD)

# Exit code 1 unless all counts match exactly.
ledger: ## Print the ledger for the last load run: R=.lab/reports/load-….json for another run
	$(LAB) ledger $(call option,R,-- )

report: ## Write the report for the last load run and open it: R=… for another run, R="A B" to compare two
	$(LAB) report $(call option,R,--runs=)

# Runs each query over every time range that its dashboard offers. Exit code 1 if a query fails or is slow, or if
# a panel that should have data is empty.
panels: ## Run every query in every dashboard and list the panels without data
	$(LAB) panels

# Queries the registries but pulls no images. Exit code 1 if an image is missing.
images: ## Check that each official image exists for amd64 and arm64
	$(LAB) images

# Exit code 1 if Prometheus, Alertmanager or the receiver is down.
alerts: ## Show the firing alerts, their state in Alertmanager, and the notifications sent
	$(LAB) alerts

# Reverts the fault once its alerts have fired, and prints the time of each step; see docs/alerts.md.
drill: ## Inject a fault under load and wait until its alerts fire and resolve: D=bad-deploy
	$(LAB) drill $(call option,D,-- )

# Each takes two to four minutes, except the last, which takes up to an hour.
drills: ## Run every drill that this runtime supports
	$(LAB) drills

# See docs/alerts.md.
incident: ## Play a game: something breaks under load, and you find the tier and the cause; SEED=… replays an incident
	$(LAB) incident $(call option,SEED,--seed=)

# It is at http://localhost:8089.
load-ui: ## Run load tests from Locust's web interface
	$(LAB) load-ui $(LOAD)

# Sends the same requests to two shops and shows the counters of both at each scrape. One shop has a separate registry
# in each worker, as most demos do. Needs no running lab.
lesson-multiprocess: ## See how Django's counters go wrong with several workers, and how to get them right
	$(LAB) lesson-multiprocess

# Uses the running lab, or starts one on the host. With `RUNTIME=host`, `RUNTIME=compose` or `RUNTIME=kubernetes` it runs
# only the tests that need a lab.
test: ## Run all tests, starting the lab if needed; THOROUGH=1 includes the slow tests that this runtime skips by default
	$(LAB) test $(call flag,THOROUGH,--thorough)

check: ## Run the linters and the tests that need no running lab
	$(LAB) check

generate: ## Write the generated files: docs/metrics.md, the tables in the docs, nginx/routes.conf, dashboards, rules, k8s/, product pictures
	$(LAB) generate

# Writes `requirements/`, with hashes. Also lists images that are past their end of support. Run `make check` afterwards.
update: ## Lock the newest Python packages and print the changes
	$(LAB) update

# Uses headless Chromium.
pictures: ## Retake the screenshots in the docs, from the running lab and its last report
	$(LAB) pictures
