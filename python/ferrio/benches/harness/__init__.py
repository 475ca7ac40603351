"""What the questions share: contenders, processes, load, statistics, tables. Knows no question but its
list.
"""
