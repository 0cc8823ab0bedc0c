"""What a Ray program is: names, remote functions, submissions, how many, how long, where to.

This room reads Python's own ``ast``; it knows nothing of rules, output or fixes.
"""
