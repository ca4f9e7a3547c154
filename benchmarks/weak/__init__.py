"""What do the parts of weak labelling cost, and what do they bring?"""
