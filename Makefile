# The lab's face. Each verb is a command of lab/; `make` alone prints this help.

PYTHON ?= python3
LAB = @command -v $(PYTHON) >/dev/null || { echo "lab: $(PYTHON) is missing: install Python 3.11 or newer, with venv." >&2; exit 1; }; \
	$(PYTHON) lab/bootstrap.py

.PHONY: help up down status logs restart clean load ledger report panels alerts drill drills incident load-ui lesson-multiprocess test check generate pictures
.DEFAULT_GOAL := help

help: ## Print this help
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1\t/' | expand -t 30

up: ## Start the lab and wait until all of it works
	$(LAB) up

down: ## Stop the lab; its data stays
	$(LAB) down

status: ## Show each part, its address and its trouble
	$(LAB) status

logs: ## Print what the parts said last: S=nginx for one, FOLLOW=1 to go on
	$(LAB) logs

restart: ## Restart one part: S=nginx
	$(LAB) restart

clean: ## Stop the lab and remove its data: FORCE=1 does not ask
	$(LAB) clean

load: ## Shop: PROFILE=smoke|steady|ramp|spike|flash-sale USERS=… DURATION=… SEED=…
	$(LAB) load

ledger: ## Print the last run's ledger: R=.lab/reports/load-….json for another
	$(LAB) ledger

report: ## Write the last run's report and open it: R=… for another, R="A B" for two side by side
	$(LAB) report

panels: ## Run every query of every dashboard, and say which shows nothing
	$(LAB) panels

alerts: ## Print what fires, what Alertmanager has of it, and whom it told what
	$(LAB) alerts

drill: ## Break one thing under load and wait for its alerts to fire and end: D=bad-deploy
	$(LAB) drill

drills: ## Run every drill that this runtime has what it needs for
	$(LAB) drills

incident: ## Play: something breaks under load, and you find the tier and the cause; SEED=… for the same again
	$(LAB) incident

load-ui: ## Shop from Locust's own page
	$(LAB) load-ui

lesson-multiprocess: ## See how Django's counters go wrong with several workers, and how not
	$(LAB) lesson-multiprocess

test: ## Run all tests; those that need the lab start it
	$(LAB) test

check: ## Run the tests that need no running lab, and the linter
	$(LAB) check

generate: ## Write what is generated: docs/metrics.md, nginx/routes.conf, the dashboards, the rules, the products' pictures
	$(LAB) generate

pictures: ## Take the pictures of the docs anew, from the lab that runs and its last report
	$(LAB) pictures
