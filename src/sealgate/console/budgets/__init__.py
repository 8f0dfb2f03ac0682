"""Plans and budgets: of an application in its policy, of the organization for all its applications."""
