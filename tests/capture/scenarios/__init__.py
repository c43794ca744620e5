"""The scenarios: one module for each subject. The capture imports all of them."""
